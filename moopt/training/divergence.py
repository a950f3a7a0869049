"""Training that goes nowhere, found early."""

import math

from moopt.errors import TrainingError

WINDOW = 30
"""Steps over which the loss is averaged."""

FACTOR = 3.0
"""So many times the loss of the start for so long, and a run is given up."""


class LossWatch:
    """Remembers the losses of the first and the last steps of a run."""

    def __init__(self, first: float | None = None, last: list[float] | None = None) -> None:
        """Begin, or go on with what `state` gave."""
        self._first = first
        self._last = list(last or [])

    @property
    def state(self) -> dict[str, object]:
        """What is needed to go on."""
        return {"first": self._first, "last": list(self._last)}

    def take(self, loss: float, where: str, advice: str) -> None:
        """Look at the loss of a step.

        Args:
            loss: Of the step.
            where: Which step it is, for a message.
            advice: What to do about it.

        Raises:
            TrainingError: It is not finite, or the last losses are far above the first one.
        """
        if not math.isfinite(loss):
            raise TrainingError(f"the training loss became {loss} at {where}; {advice}")
        if self._first is None:
            self._first = loss
        self._last = [*self._last[1 - WINDOW :], loss]
        mean = sum(self._last) / len(self._last)
        if len(self._last) == WINDOW and mean > FACTOR * max(abs(self._first), 1e-3):
            raise TrainingError(
                f"the training loss was {self._first:.3g} at the start and {mean:.3g} in the last "
                f"{WINDOW} steps, at {where}: it diverges; {advice}"
            )
