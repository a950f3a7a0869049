"""One evaluation, the same on every executor: its context, failure, reports, plain numbers."""

import logging
import reprlib
import traceback
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import SupportsFloat

from moopt.errors import EvaluationError
from moopt.executors.metering import Meter
from moopt.executors.raised import cause_of, free_gpu_memory
from moopt.study.evaluation import Context, Evaluation, Evaluator, Outcome, Report
from moopt.study.trials import Failure, FailureCause, FailureKind, Measurement, Trial
from moopt.study.validation import Raw

LOG = "log.txt"
"""What the evaluator logs, and the traceback of what it raises, in the trial's folder."""

MESSAGE_LENGTH = 500


def evaluate_trial(
    evaluate: Evaluator,
    trial: Trial,
    *,
    device: str,
    gpus: float,
    directory: Path,
    take: Callable[[Report], None],
) -> Evaluation:
    """Measure a trial and return plain numbers, or the failure that the evaluator's error is.

    Args:
        evaluate: Foreign code.
        trial: What to measure.
        device: Name of a torch device.
        gpus: How many GPUs, or which share of one, the trial has to itself.
        directory: The trial's folder; made if it is not there.
        take: Is given each partial result.

    Raises:
        EvaluationError: The evaluator returned or reported something other than a mapping to
            numbers.
    """
    directory.mkdir(parents=True, exist_ok=True)
    refused: list[EvaluationError] = []

    def checked(raw: object) -> dict[str, Raw]:
        try:
            return plain(raw)
        except EvaluationError as error:
            refused.append(error)
            raise

    def report(fidelity: float, measurements: Mapping[str, Raw]) -> None:
        take(Report(float(fidelity), checked(measurements)))

    with trial_logger(trial, directory) as logger:
        context = Context(
            device=device, seed=trial.seed, directory=directory, logger=logger, report=report
        )
        meter = Meter(device, gpus)
        outcome: Outcome
        try:
            # A GPU may tell of an error only when its number is read.
            outcome = checked(evaluate(trial, context))
        # Foreign code runs here and nowhere else: whatever it raises is the trial's failure.
        except (Exception, SystemExit, CancelledError) as error:
            if refused:
                raise refused[0] from None
            logger.exception("trial %d failed", trial.number)
            told = _told(error, directory / LOG)
            outcome = Failure(FailureKind.CANDIDATE, told, cause_of(error))
        usage = meter.usage()
    if isinstance(outcome, Failure) and outcome.cause is FailureCause.GPU_OUT_OF_MEMORY:
        free_gpu_memory()
    return Evaluation(outcome, usage)


def plain(raw: object) -> dict[str, Raw]:
    """Return what an evaluator returned with every number a Python float.

    NaN and infinity pass: what they mean is not for an executor to say.

    Raises:
        EvaluationError: It is not a mapping from name to a number, (mean, standard error) or None.
    """
    if not isinstance(raw, Mapping):
        raise EvaluationError(
            "an evaluator returns a mapping from objective name to a number or "
            f"(mean, standard error), got {reprlib.repr(raw)}"
        )
    for name in raw:
        if not isinstance(name, str):
            raise EvaluationError(
                f"an evaluator returns measurements by name, got the key {reprlib.repr(name)}"
            )
    return {name: _plain_value(name, value) for name, value in raw.items()}


def _plain_value(name: str, value: object) -> Raw:
    match value:
        case None | Measurement():
            return value
        case (mean, sem):
            return _number(name, mean), _number(name, sem)
        case number:
            return _number(name, number)


def _number(name: str, value: object) -> float:
    wrong = f"measurement {name!r} needs a number or (mean, standard error), got "
    if not isinstance(value, SupportsFloat):
        raise EvaluationError(wrong + reprlib.repr(value))
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        if cause_of(error) is not FailureCause.ERROR:
            raise
        # A tensor or an array of several numbers.
        raise EvaluationError(wrong + reprlib.repr(value)) from error


@contextmanager
def trial_logger(trial: Trial, directory: Path) -> Iterator[logging.Logger]:
    """Give a logger that writes into the trial's folder."""
    logger = logging.getLogger(f"moopt.trial.{trial.number}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.FileHandler(directory / LOG, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()


def _told(error: BaseException, log: Path) -> str:
    text = " ".join(str(error).split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    return f"{said[:MESSAGE_LENGTH]} ({where}; traceback in {log})"
