"""Seconds on a device, and how fast it copied in the same minutes."""

import time
from collections.abc import Callable

import numpy as np
import torch

COPIED = 2**26
"""Numbers in the float32 tensor that is copied: far more than caches hold."""


class Stopwatch:
    """Measures actions, and copies in between.

    On a CPU seconds are CPU seconds, which a busy machine changes least; on a GPU they are those of
    a clock, from one synchronisation to the next.
    """

    def __init__(self, device: torch.device, copied: int = COPIED) -> None:
        """Prepare what is copied."""
        self.device = device
        self._source = torch.ones(copied, device=device)
        self._target = torch.zeros_like(self._source)
        self._fastest = float("inf")
        self._fastest_past_caches = float("inf")

    @property
    def bytes_per_second(self) -> float:
        """Speed of PyTorch's fastest copy so far, bytes read and written together."""
        return 2 * self._source.nbytes / self._fastest

    @property
    def bytes_per_second_past_caches(self) -> float | None:
        """The same for `memmove`, which writes large blocks past the caches. None: on a GPU.

        Written through the caches, memory is read before it is overwritten, so that a copy moves
        half as much again as is counted.
        """
        if self.device.type != "cpu":
            return None
        return 2 * self._source.nbytes / self._fastest_past_caches

    def seconds(self, action: Callable[[], object]) -> float:
        """Return how long an action takes."""
        start = self._now()
        action()
        return self._now() - start

    def copy(self) -> None:
        """Measure a copy."""
        passed = self.seconds(lambda: self._target.copy_(self._source))
        self._fastest = min(self._fastest, passed)
        if self.device.type == "cpu":
            passed = self.seconds(
                lambda: np.copyto(self._target.numpy(), self._source.numpy())  # calls memmove
            )
            self._fastest_past_caches = min(self._fastest_past_caches, passed)

    def _now(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()
