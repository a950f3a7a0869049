"""What happens to processes: they are killed or stand still, at random."""

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import psutil

from moopt.benchmarks.chaos.drivers import Team, workers_of


class Fault(StrEnum):
    """What can happen."""

    WORKER_KILLED = "worker killed"
    DRIVER_KILLED = "driver killed"
    GROUP_KILLED = "driver and workers killed"
    WORKER_STOPPED = "worker stopped for a while"
    DRIVER_STOPPED = "driver stopped for a while"


KILLS = frozenset({Fault.WORKER_KILLED, Fault.DRIVER_KILLED, Fault.GROUP_KILLED})
ODDS = {
    Fault.WORKER_KILLED: 8,
    Fault.DRIVER_KILLED: 4,
    Fault.GROUP_KILLED: 3,
    Fault.WORKER_STOPPED: 1,
    Fault.DRIVER_STOPPED: 1,
}
"""How often each happens, relative to the others."""

_SHARES = [odds / sum(ODDS.values()) for odds in ODDS.values()]


@dataclass
class Chaos:
    """Strikes a team at random moments."""

    random: np.random.Generator
    mean_seconds: float
    """Between one fault and the next."""

    longest_stop: float
    """Seconds that a process stands still, at most."""

    struck: list[Fault] = field(default_factory=list)
    _next: float = 0.0
    _asleep: list[tuple[float, psutil.Process]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How often something was killed so far."""
        return sum(fault in KILLS for fault in self.struck)

    def is_due(self) -> bool:
        """Say whether it is time for the next fault, and set the time of the one after."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + float(self.random.exponential(self.mean_seconds))
        return True

    def strike(self, team: Team) -> None:
        """Do one thing to one driver or its workers; nothing where nobody is at work."""
        drivers = team.running()
        workers = [worker for driver in drivers for worker in workers_of(driver)]
        if not workers:
            # All are still starting.
            return
        fault = list(ODDS)[self.random.choice(len(ODDS), p=_SHARES)]
        driver, worker = self._one_of(drivers), self._one_of(workers)
        match fault:
            case Fault.DRIVER_KILLED:
                self._send(signal.SIGKILL, [driver], fault)
            case Fault.GROUP_KILLED:
                self._send(signal.SIGKILL, [driver, *workers_of(driver)], fault)
            case Fault.DRIVER_STOPPED:
                self._stop(driver, fault)
            case Fault.WORKER_KILLED:
                self._send(signal.SIGKILL, [worker], fault)
            case Fault.WORKER_STOPPED:
                self._stop(worker, fault)

    def wake(self, *, everyone: bool = False) -> None:
        """Let those go on who stood still for long enough."""
        now = time.monotonic()
        for entry in list(self._asleep):
            until, process = entry
            if everyone or now >= until:
                self._asleep.remove(entry)
                with suppress(psutil.Error):
                    process.resume()

    def _one_of(self, processes: Sequence[psutil.Process]) -> psutil.Process:
        return processes[int(self.random.integers(len(processes)))]

    def _stop(self, process: psutil.Process, fault: Fault) -> None:
        if self._send(signal.SIGSTOP, [process], fault):
            until = time.monotonic() + float(self.random.uniform(0.0, self.longest_stop))
            self._asleep.append((until, process))

    def _send(
        self, number: signal.Signals, processes: Sequence[psutil.Process], fault: Fault
    ) -> bool:
        hit = False
        for process in processes:
            # It may have ended just now, which is no fault of ours.
            with suppress(psutil.Error):
                process.send_signal(number)
                hit = True
        if hit:
            self.struck.append(fault)
        return hit
