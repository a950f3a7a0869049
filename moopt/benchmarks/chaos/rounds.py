"""One study under several drivers: from the first of them to the verdict."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from moopt.benchmarks.chaos import study as study_module
from moopt.benchmarks.chaos.drivers import Team
from moopt.benchmarks.chaos.evidence import Line, read_lines
from moopt.benchmarks.chaos.faults import Chaos
from moopt.benchmarks.chaos.integrity import database_faults
from moopt.benchmarks.chaos.sightings import Sightings
from moopt.benchmarks.chaos.study import (
    CRASHING_VARIABLE,
    LOG_VARIABLE,
    LONGEST_VARIABLE,
    NAME_VARIABLE,
)
from moopt.benchmarks.chaos.verdict import Verdict, judge
from moopt.errors import SelectionError
from moopt.store.events import Event
from moopt.store.store import Store
from moopt.study.trials import Trial

STUDY_FILE = Path(study_module.__file__)
PATIENCE = 600.0
"""Seconds after which a study that has not ended never will."""

ARTIFACTS = "moopt-artifacts"
"""Folder for what trials leave behind, which `moopt run` makes beside a file of SQLite, or where it
runs."""

_GRACE_SECONDS = 5.0
"""In which the workers of a driver that was killed notice it and end."""

_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round is to be."""

    store: str
    """URL, or a file of SQLite."""

    folder: Path
    """Where drivers run; gets what they print and what evaluations say."""

    trials: int = 60
    drivers: int = 2
    workers: int = 2
    """Of each driver."""

    sampler: str = "sobol"
    seed: int = 0
    crashing: float = 0.0
    """Share of the space in which evaluations raise an error."""

    longest: float = 0.6
    """Seconds of an evaluation, at most."""

    options: Sequence[str] = ()
    """More of `moopt run`."""

    variables: Sequence[Mapping[str, str]] = ()
    """More variables of each driver. Empty: none."""

    def environments(self) -> Sequence[Mapping[str, str]]:
        """Return the variables of each driver."""
        return self.variables or [{}] * self.drivers


@dataclass(frozen=True, slots=True)
class Round:
    """What became of a study, and of what ran it."""

    verdict: Verdict
    gave_up: tuple[str, ...]
    """Last words of drivers that ended by themselves and not well."""

    left: tuple[str, ...]
    """What still ran or was locked at the end, and what is wrong with the database."""

    seconds: float

    @property
    def complaints(self) -> list[str]:
        """All that is wrong."""
        return [*self.verdict.complaints, *self.gave_up, *self.left]


class Run:
    """A study that several drivers run, and an onlooker.

    Args:
        plan: What is run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.name = f"chaos_{secrets.token_hex(4)}"
        self._log = plan.folder / f"{self.name}.jsonl"
        of_store = plan.folder if "://" in plan.store else Path(plan.store).parent
        self.artifacts = of_store / ARTIFACTS / self.name
        """Has a folder for each trial."""

        self._began = time.monotonic()
        self._seen = Sightings()
        self._store = Store(plan.store)
        self.team = Team(
            self._arguments(),
            folder=plan.folder,
            name=self.name,
            environments=[{**self._variables(), **each} for each in plan.environments()],
            seed=plan.seed,
        )

    def __enter__(self) -> Self:
        self.team.look()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.team.kill()
        self._store.close()

    @property
    def is_over(self) -> bool:
        """Whether every driver has ended well, or the time is up."""
        self.team.look()
        return self.team.done or time.monotonic() - self._began > PATIENCE

    @property
    def lines(self) -> list[Line]:
        """What evaluations said so far."""
        return read_lines(self._log)

    def trials(self) -> Sequence[Trial]:
        """Return the record, and remember what it has and what journals have."""
        try:
            trials = self._store.trials(self.name)
        except SelectionError:
            # No driver has come so far.
            return []
        self._seen.see(trials, self.artifacts)
        return trials

    def events(self) -> Sequence[Event]:
        """Return what happened to the study so far."""
        try:
            return self._store.events(self.name)
        except SelectionError:
            return []

    def finish(self) -> Round:
        """Wait until the study is done and say what became of it."""
        while not self.is_over:
            time.sleep(_LOOK_SECONDS)
        left = self._left()
        verdict = judge(
            self.trials(), self.events(), self.lines, self._seen, asked=self.plan.trials
        )
        self._store.close()
        left += database_faults(self.plan.store)
        seconds = time.monotonic() - self._began
        return Round(verdict, tuple(self.team.complaints), tuple(left), seconds)

    def _left(self) -> list[str]:
        deadline = time.monotonic() + _GRACE_SECONDS
        while (processes := self.team.left()) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return [f"process {process.pid} still runs" for process in processes]

    def _variables(self) -> dict[str, str]:
        return {
            "OMP_NUM_THREADS": "1",
            NAME_VARIABLE: self.name,
            LOG_VARIABLE: str(self._log),
            LONGEST_VARIABLE: str(self.plan.longest),
            CRASHING_VARIABLE: str(self.plan.crashing),
        }

    def _arguments(self) -> list[str]:
        options = {
            "--trials": self.plan.trials,
            "--workers": self.plan.workers,
            "--sampler": self.plan.sampler,
            "--seed": self.plan.seed,
            "--store": self.plan.store,
        }
        words = [str(word) for option in options.items() for word in option]
        return [str(STUDY_FILE), *words, *self.plan.options]


def run_round(plan: Plan, chaos: Chaos, *, kills: int) -> Round:
    """Run a study until it is done, and strike until there are enough kills.

    Args:
        plan: What is run.
        chaos: Strikes; keeps count over all rounds.
        kills: How many there are to be over all rounds.
    """
    with Run(plan) as run:
        while not run.is_over and chaos.kills < kills:
            chaos.wake()
            if chaos.is_due():
                run.trials()
                chaos.strike(run.team)
            time.sleep(_LOOK_SECONDS)
        chaos.wake(everyone=True)
        return run.finish()
