"""What all phases of a run share: its jobs, the record, its clock and who is told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from moopt.executors.jobs import Jobs
from moopt.loop.history import History
from moopt.loop.limits import Limits
from moopt.loop.progress import Phase, Progress
from moopt.loop.stopping import StopLevel, Stopping
from moopt.store.drivers import Driver, new_driver
from moopt.store.heartbeat import Heartbeat
from moopt.store.store import Store
from moopt.store.studies import StopRequest
from moopt.study.evaluation import Split
from moopt.study.trials import Trial

POLL_SECONDS = 1.0
"""Longest wait before a run looks around again."""


_LEVELS = {
    None: StopLevel.GO_ON,
    StopRequest.WHEN_TRIALS_END: StopLevel.DRAIN,
    StopRequest.AT_ONCE: StopLevel.STOP,
}
"""What a request in the store means for a run."""


@dataclass
class Session:
    """One run of a study."""

    store: Store
    history: History
    jobs: Jobs
    limits: Limits
    time_limit: float | None
    """Seconds after which no further trial is started. None: no limit."""

    observe: Callable[[Progress], None]
    stopping: Stopping
    phase: Phase = Phase.SEARCH
    driver: Driver = field(default_factory=new_driver)
    began: float = field(default_factory=time.monotonic)
    _starting: int = 0
    _is_telling: bool = False

    def heartbeat(self) -> Heartbeat:
        """Return what says that this run lives, once it is entered."""
        name, workers = self.history.study.name, self.jobs.capacity
        driver = replace(self.driver, lease_seconds=self.history.watch.lease_seconds)
        return Heartbeat(self.store, driver, name, workers, target=self.limits.trials)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @property
    def is_late(self) -> bool:
        """Whether the time limit has passed."""
        return self.time_limit is not None and self.elapsed >= self.time_limit

    def level(self) -> StopLevel:
        """Return how urgently the run is to end, and tell the observer when that has changed."""
        before = self.stopping.latest
        self.stopping.raise_to(_LEVELS[self.history.stop_asked])
        level = self.stopping.level()
        if level is not before:
            self.tell()
        return level

    def catch_up(self, *, now: bool = False) -> None:
        """Read the record again where it may have changed, and tell the observer."""
        self.history.catch_up(now=now)
        self.tell()

    def start_job(self, trial: Trial, split: Split) -> None:
        """Tell the observer of a job and start it, which in this process is to run it."""
        self._starting = 1
        try:
            self.tell()
            self.jobs.start(trial, split)
        finally:
            self._starting = 0

    def tell(self) -> None:
        """Tell the observer how far the run is."""
        if self._is_telling:
            # A signal came in the middle of it; the next call will tell.
            return
        self._is_telling = True
        try:
            self.observe(
                Progress(
                    study=self.history.study,
                    trials=self.history.trials,
                    running=len(self.jobs) + self._starting,
                    capacity=self.jobs.capacity,
                    target=self.limits.trials,
                    budget=self.limits.budget,
                    phase=self.phase,
                    elapsed=self.elapsed,
                    stopping=self.stopping.latest,
                )
            )
        finally:
            self._is_telling = False
