"""What all phases of a run share: its jobs, the record, its clock and who is told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from moopt.executors.jobs import Jobs
from moopt.loop.history import History
from moopt.loop.progress import Phase, Progress
from moopt.store.drivers import Driver, new_driver
from moopt.store.store import Store
from moopt.study.evaluation import Split
from moopt.study.trials import Trial

POLL_SECONDS = 1.0
"""Longest wait before a run looks around again."""


@dataclass
class Session:
    """One run of a study."""

    store: Store
    history: History
    jobs: Jobs
    target: int
    """Trials to be had, those of earlier runs among them."""

    time_limit: float | None
    """Seconds after which no further trial is started. None: no limit."""

    observe: Callable[[Progress], None]
    phase: Phase = Phase.SEARCH
    driver: Driver = field(default_factory=new_driver)
    began: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @property
    def is_late(self) -> bool:
        """Whether the time limit has passed."""
        return self.time_limit is not None and self.elapsed >= self.time_limit

    def catch_up(self, *, now: bool = False) -> None:
        """Read the record again where it may have changed, and tell the observer."""
        self.history.catch_up(now=now)
        self.tell()

    def start_job(self, trial: Trial, split: Split) -> None:
        """Tell the observer of a job and start it."""
        self.tell(starting=1)
        self.jobs.start(trial, split)

    def tell(self, *, starting: int = 0) -> None:
        """Tell the observer how far the run is."""
        self.observe(
            Progress(
                study=self.history.study,
                trials=self.history.trials,
                running=len(self.jobs) + starting,
                capacity=self.jobs.capacity,
                target=self.target,
                phase=self.phase,
                elapsed=self.elapsed,
            )
        )
