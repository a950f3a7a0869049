"""How far a run is, what it came to, and why it ended."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from moopt.front.front import Front
from moopt.loop.stopping import StopLevel
from moopt.study.study import Study
from moopt.study.trials import Trial


class Ended(enum.Enum):
    """Why a run ended."""

    DONE = "done"
    EXHAUSTED = "exhausted"
    """Every point of the space was tried."""

    STAGNANT = "stagnant"
    """The models leave less to gain than was asked for."""

    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"
    """By Ctrl-C, or by whoever may stop the run."""

    TERMINATED = "terminated"
    """By SIGTERM, as a cluster sends it before it ends a job."""


class Phase(enum.StrEnum):
    """What a run is busy with."""

    SEARCH = "search"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    study: Study
    """With the references that were inferred by now."""

    trials: Sequence[Trial]
    """Of all runs of the study."""

    running: int
    """Jobs of this run that are being measured."""

    capacity: int
    """How many could be."""

    target: int | None
    """Trials to be had, those of earlier runs among them. None: any number."""

    phase: Phase
    elapsed: float
    """Seconds since this run began."""

    budget: float | None = None
    """What trials may cost, in whole evaluations, those of earlier runs among them. None: no
    limit."""

    stopping: StopLevel = StopLevel.GO_ON
    """Whether running trials only finish, or are ended."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to."""

    front: Front
    ended: Ended
    left_to_gain: float | None = None
    """Percent of its hypervolume that the models leave to gain, an upper bound with a probability
    of 95 %. None: it was not asked for, or nothing could be learned."""


def ignore_progress(progress: Progress) -> None:
    """Take how far a run is and do nothing with it."""
