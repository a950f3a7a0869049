"""A look at the worker processes from outside, now and then: are they stopped, what do they hold?

It asks the system and not the workers: one that is deep in C code answers nobody and is well.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import psutil

from moopt.executors.control_groups import oom_kills
from moopt.study.trials import Failure, FailureCause, FailureKind

INTERVAL_SECONDS = 0.5
_SHARE = 0.02
"""Most of its time that a driver spends on looking: on a crowded machine it looks less often."""

_RECENT_SECONDS = 5.0
"""How long after a kill by the kernel the death of a worker is put down to it."""


class Watch:
    """Tells which workers have to go.

    Args:
        memory_limit: Bytes of main memory that a worker and its children may hold. None: no limit.
        lease: Seconds that a worker may be stopped.
        count_oom_kills: How many processes the kernel has ended for lack of memory, if known.
    """

    def __init__(
        self,
        *,
        memory_limit: int | None,
        lease: float,
        count_oom_kills: Callable[[], int | None] = oom_kills,
    ) -> None:
        self._memory_limit = memory_limit
        self._lease = lease
        self._count_oom_kills = count_oom_kills
        self._oom_kills: deque[tuple[float, int]] = deque()
        self._stopped: dict[int, float] = {}
        """Seconds that a process has been seen stopped, by its number."""

        self._last = time.monotonic()
        self._interval = 0.0
        self._note_oom_kills(self._last)

    def look(self, workers: Iterable[int]) -> dict[int, Failure]:
        """Return what is wrong with workers, by process number; nothing while it is not yet time.

        Args:
            workers: Process numbers.
        """
        now = time.monotonic()
        elapsed = now - self._last
        if elapsed < self._interval:
            return {}
        self._note_oom_kills(now)
        alive = [each for number in workers for each in _process(number)]
        # This process may have been stopped as well: that time does not count.
        found = self._stopped_too_long(alive, min(elapsed, 2 * self._interval))
        if self._memory_limit is not None:
            found |= self._too_large(alive, self._memory_limit)
        self._last = now
        self._interval = max(INTERVAL_SECONDS, (time.monotonic() - now) / _SHARE)
        return found

    def kernel_killed(self) -> bool:
        """Say whether the kernel has just ended a process of ours for lack of memory."""
        count = self._count_oom_kills()
        return bool(self._oom_kills) and count is not None and count > self._oom_kills[0][1]

    def _note_oom_kills(self, now: float) -> None:
        count = self._count_oom_kills()
        if count is not None:
            self._oom_kills.append((now, count))
            while self._oom_kills[0][0] < now - _RECENT_SECONDS and len(self._oom_kills) > 1:
                self._oom_kills.popleft()

    def _stopped_too_long(
        self, workers: list[psutil.Process], elapsed: float
    ) -> dict[int, Failure]:
        self._stopped = {
            worker.pid: self._stopped.get(worker.pid, 0.0) + elapsed
            for worker in workers
            if _status(worker) == psutil.STATUS_STOPPED
        }
        failure = Failure(
            FailureKind.INFRASTRUCTURE,
            f"the worker was stopped (SIGSTOP) and not continued within {self._lease:g} s",
            FailureCause.WORKER_STOPPED,
        )
        return {number: failure for number, at in self._stopped.items() if at >= self._lease}

    def _too_large(self, workers: list[psutil.Process], limit: int) -> dict[int, Failure]:
        found = {}
        for worker, tree in _trees(workers):
            held = _resident_memory(tree)
            # What processes share was counted for each: a closer look, which costs, can tell.
            if held > limit and len(tree) > 1:
                held = _own_memory(tree)
            if held > limit:
                found[worker.pid] = Failure(
                    FailureKind.CANDIDATE,
                    f"the trial took more than {size_text(limit)} of memory: {size_text(held)}",
                    FailureCause.MEMORY_LIMIT,
                )
        return found


def size_text(size: int) -> str:
    """Return a number of bytes such as `8 GB` or `512 MB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def kill_tree(process: int) -> None:
    """End a process and all that descends from it, also what has left its session."""
    for worker in _process(process):
        with suppress(psutil.Error):
            below = worker.children(recursive=True)
            worker.kill()
            for each in below:
                with suppress(psutil.Error):
                    each.kill()


def _process(number: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        yield psutil.Process(number)


def _status(process: psutil.Process) -> str | None:
    with suppress(psutil.Error):
        return process.status()
    return None


def _trees(
    workers: list[psutil.Process],
) -> Iterator[tuple[psutil.Process, list[psutil.Process]]]:
    """Yield each worker with all that descends from it, in one pass over all processes."""
    trees = {worker.pid: [worker] for worker in workers}
    owners = {worker.pid: worker.pid for worker in workers}
    # Parents come before their children.
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            owner = owners.get(process.ppid())
            if process.pid not in owners and owner is not None:
                owners[process.pid] = owner
                trees[owner].append(process)
    for worker in workers:
        yield worker, trees[worker.pid]


def _resident_memory(tree: list[psutil.Process]) -> int:
    total = 0
    for process in tree:
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _own_memory(tree: list[psutil.Process]) -> int:
    total = 0
    for process in tree:
        with suppress(psutil.Error):
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return total
