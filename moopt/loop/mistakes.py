"""A run whose first trials all fail by mistakes of the evaluator ends, and saves the others."""

from contextlib import suppress
from dataclasses import dataclass, field

from moopt.errors import EvaluationError, StateError
from moopt.store.store import Store
from moopt.study.outcomes import Measured
from moopt.study.trials import Failure, FailureKind, Trial

FIRST = 3
"""Trials of a run after which an evaluator that never worked is taken to need mending."""


@dataclass
class Mistakes:
    """Watches over the first trials of one run."""

    store: Store
    study: str
    """Its name."""

    _count: int = 0
    """Trials that have failed by mistakes of the evaluator."""

    _numbers: list[int] = field(default_factory=list)
    """Those that were not proposed again."""

    _is_over: bool = False
    """Some trial was measured: the evaluator works."""

    def look_at(self, trial: Trial, came: Measured | Failure) -> None:
        """Take in what became of a trial.

        Raises:
            EvaluationError: So many have failed by mistakes of the evaluator, and none was
                measured. They are proposed again.
        """
        if self._is_over:
            return
        match came:
            case Measured():
                self._is_over = True
            case Failure(kind=FailureKind.EVALUATOR, message=message):
                self._count += 1
                self._numbers.append(trial.number)
                if self._count >= FIRST:
                    self._give_up(trial, message)
            case _:
                # Says nothing about what the evaluator returns.
                pass

    def _give_up(self, trial: Trial, message: str) -> None:
        # As if they had never been begun: to mend the evaluator costs no trial.
        numbers, self._numbers = self._numbers, []
        with suppress(StateError):
            self.store.retry(self.study, numbers)
        raise EvaluationError(
            f"{self._count} trials have failed by the evaluator and none was measured in this run, "
            f"the last, trial {trial.number}: {message}. Mend it and run again: they are done then"
        )
