"""What was proposed and what came of it: candidates, trials, measurements."""

import enum
import hashlib
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime

from moopt.errors import EvaluationError, NonFiniteError
from moopt.study.parameters import Parameters
from moopt.study.usage import Usage


class TrialState(enum.Enum):
    """Where a trial stands. It is in one state at a time."""

    PROPOSED = "proposed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


ENDED_STATES = frozenset({TrialState.COMPLETED, TrialState.FAILED, TrialState.STOPPED})
"""Trials in one of these count: a run that is to have so many has so many of them."""


class FailureKind(enum.Enum):
    """Whose fault a failure was. Only the candidate's own teach the search."""

    CANDIDATE = "candidate"
    EVALUATOR = "evaluator"
    """It needs mending, or what it reads does: no candidate is to blame."""

    INFRASTRUCTURE = "infrastructure"
    TIMEOUT = "timeout"


class FailureCause(enum.Enum):
    """What happened, as far as it is known: it decides what there is to do about it."""

    UNKNOWN = "unknown"
    """Nobody said, or a moopt did that did not know causes yet."""

    ERROR = "error"
    """The evaluator raised an error, or wanted to exit."""

    WRONG_RESULT = "wrong_result"
    """The evaluator returned or reported something other than the study asks for."""

    FILE_ERROR = "file_error"
    """A file or folder that the evaluator needs is not there, or cannot be read or written."""

    NON_FINITE = "not_finite"
    OUT_OF_MEMORY = "out_of_memory"
    """The evaluator raised MemoryError."""

    GPU_OUT_OF_MEMORY = "gpu_out_of_memory"
    GPU_ERROR = "gpu_error"
    """An error after which CUDA is of no use in this process."""

    MEMORY_LIMIT = "memory_limit"
    KERNEL_OUT_OF_MEMORY = "kernel_out_of_memory"
    TIMEOUT = "timeout"
    WORKER_EXITED = "worker_exited"
    WORKER_KILLED = "worker_killed"
    """By SIGKILL, which none of us has sent: the kernel may have, for lack of memory."""

    WORKER_CRASHED = "worker_crashed"
    """By another signal, such as SIGSEGV."""

    WORKER_STOPPED = "worker_stopped"
    """By SIGSTOP, and not continued in time."""

    HOST_LOST = "host_lost"
    DRIVER_LOST = "driver_lost"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial has no measurements."""

    kind: FailureKind
    message: str
    cause: FailureCause = FailureCause.UNKNOWN


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number that an evaluator returned, as it was measured.

    Raises:
        NonFiniteError: The mean or the standard error is not finite.
        EvaluationError: The standard error is negative.
    """

    mean: float
    sem: float | None = None
    """Standard error of the mean. None: unknown; 0: exact."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise NonFiniteError(f"a measurement needs a finite mean, got {self.mean}")
        if self.sem is not None and not math.isfinite(self.sem):
            raise NonFiniteError(
                f"a measurement needs a finite standard error >= 0, got {self.sem}; "
                "leave it out where it is not known"
            )
        if self.sem is not None and self.sem < 0:
            raise EvaluationError(
                f"a measurement needs a finite standard error >= 0, got {self.sem}"
            )


Measurements = Mapping[str, Measurement]
"""Measurements by the name of the objective or constrained outcome."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Proposed parameters, not yet a trial."""

    parameters: Parameters
    _: KW_ONLY
    fidelity: float | None = None
    """None: the study has no fidelity."""

    continues: int | None = None
    """Number of the trial that it takes further, to a higher fidelity. None: it begins afresh."""

    sampler: str = ""
    """What proposed it, such as `sobol` or `start_with`."""

    notes: Mapping[str, str] = field(default_factory=dict)
    """What a sampler wants to find again: samplers keep no state of their own."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate that was given a number, and its record."""

    number: int
    parameters: Parameters
    _: KW_ONLY
    state: TrialState = TrialState.PROPOSED
    fidelity: float | None = None
    """At which it is measured; of a stopped trial the one that it came to. None: the study has
    none."""

    continues: int | None = None
    """Number of the trial that it takes further: same parameters, same seed, lower fidelity."""

    seed: int = 0
    """Seed of the evaluation: a repeat with the same seed measures the same."""

    measurements: Measurements = field(default_factory=dict)
    """On the data that the search uses."""

    held_out: Measurements = field(default_factory=dict)
    """On data that the search has never seen. Empty: not measured again."""

    partial: Mapping[float, Measurements] = field(default_factory=dict)
    """By fidelity, what its evaluator has reported on the way."""

    failure: Failure | None = None
    usage: Usage | None = None
    """What the measurement on the data of the search took. None: not known."""

    sampler: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    """How often it was started."""

    started: datetime | None = None
    ended: datetime | None = None
    key: str = field(default="", compare=False)
    """Tells this trial from every other, also from one of its number in another store."""


def evaluation_seed(seed: int, number: int) -> int:
    """Return the seed of a trial's evaluation, made of the run's seed and the trial's number.

    It is below 2^32, the most that NumPy takes.
    """
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
