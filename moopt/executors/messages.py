"""What a driver and its worker say to each other over their pipe.

A worker answers a `Setup` with `Ready` or `Broken`. It answers a `Job` with `Begun`, then with any
number of `Report`s and at last with an `Evaluation` or with `Broken`. Meanwhile it may be told to
`StopEarly`, and is told nothing else.
"""

from dataclasses import dataclass
from pathlib import Path

from moopt.study.evaluation import Evaluation, Report, Split
from moopt.study.trials import Trial

PIPE_VARIABLE = "MOOPT_WORKER_PIPE"
"""Environment variable with the file descriptor of the worker's end of the pipe."""

DRIVER_VARIABLE = "MOOPT_WORKER_DRIVER"
"""Environment variable with the process number of the driver."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told first."""

    study_file: Path
    directory: Path
    device: str
    gpus: float
    """How many GPUs, or which share of one, it has to itself."""

    search_path: tuple[str, ...]
    """Where Python looks for modules: in the worker as in the driver."""


@dataclass(frozen=True, slots=True)
class Job:
    """A trial to be measured."""

    trial: Trial
    split: Split


@dataclass(frozen=True, slots=True)
class StopEarly:
    """The trial that is measured is not worth finishing. It may have ended by now."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The study file is loaded."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A part of a file that takes what is printed."""

    path: Path
    offset: int
    """Where it begins; before it is what others printed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The evaluator is about to be called."""

    printed: tuple[Printed, ...]
    """What it prints to stderr and to stdout."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The study file cannot be used, by no worker."""

    message: str


Order = Setup | Job | StopEarly
"""What a driver says."""

Answer = Ready | Begun | Broken | Report | Evaluation
"""What a worker says."""
