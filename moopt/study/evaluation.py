"""What an evaluator is given and what it returns."""

import enum
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moopt.study.trials import Failure, Trial
from moopt.study.usage import Usage
from moopt.study.validation import Raw


class Split(enum.Enum):
    """Which data a trial is measured on."""

    SEARCH = "search"
    HELD_OUT = "held_out"


def ignore_report(fidelity: float, measurements: Mapping[str, Raw]) -> None:
    """Take a partial result and do nothing with it."""


def never_stop() -> bool:
    """Say that the trial should go on."""
    return False


@dataclass(frozen=True, slots=True)
class Context:
    """What an executor grants to one trial."""

    device: str
    """Name of a torch device, such as `cpu` or `cuda:0`."""

    seed: int
    """A repeat with the same seed should measure the same."""

    directory: Path
    """Folder for the artifacts of this trial. It exists."""

    logger: logging.Logger

    continues: Path | None = None
    """Folder of the trial that this one takes further. It may be gone, or empty. None: none."""

    report: Callable[[float, Mapping[str, Raw]], None] = ignore_report
    """Call with a fidelity and the measurements at it, to hand over a partial result. In a study
    with a fidelity it is above 0 and at most the trial's."""

    should_stop: Callable[[], bool] = never_stop
    """Ask after a report: True when the trial is not worth finishing. What is returned then counts
    as measured at the fidelity that was reported last."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured at a fidelity: handed over on the way, or returned by an early end."""

    fidelity: float
    measurements: Mapping[str, Raw]


def ignore_partial_result(job: str, report: Report) -> None:
    """Take a partial result of a job and do nothing with it."""


Evaluator = Callable[[Trial, Context], Mapping[str, Raw] | Report]
"""Measures a trial: a value or (mean, standard error) for every outcome of the study. A `Report`
says at which fidelity, where it ended before that of the trial."""

Outcome = Mapping[str, Raw] | Report | Failure
"""What became of a trial: what was measured, at its own fidelity or before, or why there is
nothing."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation that has ended."""

    outcome: Outcome
    usage: Usage | None = None
    """None: nobody was left to say."""
