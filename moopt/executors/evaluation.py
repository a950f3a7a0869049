"""One evaluation, the same on every executor: its context, failure, reports, plain numbers."""

import logging
import math
import reprlib
import traceback
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsFloat

from moopt.errors import EvaluationError, NonFiniteError
from moopt.executors.metering import Meter
from moopt.executors.raised import cause_of, free_gpu_memory
from moopt.study.evaluation import (
    Context,
    Evaluation,
    Evaluator,
    Outcome,
    Report,
    never_stop,
)
from moopt.study.outcomes import checked_fidelity
from moopt.study.trials import Failure, FailureCause, FailureKind, Measurement, Trial
from moopt.study.validation import Raw, check_measurements

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
    should_stop: Callable[[], bool] = never_stop,
) -> Evaluation:
    """Measure a trial and return plain numbers, or the failure that the evaluator's error is.

    Args:
        evaluate: Foreign code.
        trial: What to measure.
        device: Name of a torch device.
        gpus: How many GPUs, or which share of one, the trial has to itself.
        directory: The trial's folder, beside those of the others; made if it is not there.
        take: Is given each partial result.
        should_stop: Says whether the driver has told to come to an end.

    Raises:
        EvaluationError: The evaluator returned or reported something other than a mapping to
            numbers, or a fidelity that cannot be.
    """
    directory.mkdir(parents=True, exist_ok=True)
    talk = Talk(trial, take, should_stop)
    with trial_logger(trial, directory) as logger:
        context = Context(
            device=device,
            seed=trial.seed,
            directory=directory,
            logger=logger,
            continues=_continued(trial, directory),
            report=talk.report,
            should_stop=talk.should_stop,
        )
        meter = Meter(device, gpus)
        outcome: Outcome
        try:
            # A GPU may tell of an error only when its number is read.
            outcome = talk.outcome(evaluate(trial, context))
        # Foreign code runs here and nowhere else: whatever it raises is the trial's failure.
        except (Exception, SystemExit, CancelledError) as error:
            if talk.error is not None:
                raise talk.error from None
            logger.exception("trial %d failed", trial.number)
            told = _told(error, directory / LOG)
            is_nan = isinstance(error, NonFiniteError)
            cause = FailureCause.NON_FINITE if is_nan else cause_of(error)
            outcome = Failure(FailureKind.CANDIDATE, told, cause)
        usage = meter.usage()
    if isinstance(outcome, Failure) and outcome.cause is FailureCause.GPU_OUT_OF_MEMORY:
        free_gpu_memory()
    return Evaluation(outcome, usage)


@dataclass
class Talk:
    """What an evaluator says of one trial, and what it is told."""

    trial: Trial
    take: Callable[[Report], None]
    """Is given each partial result."""

    ask: Callable[[], bool]
    """Says whether the driver has told to come to an end."""

    error: Exception | None = None
    """The first that is none of the evaluation itself: a mistake of the evaluator, or nobody could
    be told. The evaluator may have caught it."""

    _reported: float | None = None
    _was_told: bool = False

    def report(self, fidelity: float, measurements: Mapping[str, Raw]) -> None:
        """Hand over a partial result.

        Raises:
            EvaluationError: It is none.
            NonFiniteError: A measurement is not finite.
        """
        with self._noting_errors():
            report = Report(_fidelity(self.trial, fidelity), plain(measurements))
        check_measurements(report.measurements)
        self._reported = report.fidelity
        with self._noting_errors():
            self.take(report)

    def should_stop(self) -> bool:
        """Say whether the trial is not worth finishing; once it is not, it never is."""
        self._was_told = self._was_told or self.ask()
        return self._was_told

    def outcome(self, returned: object) -> Outcome:
        """Return what the evaluator returned, and at which fidelity where it ended early.

        Raises:
            EvaluationError: It is no mapping to numbers, or it ended early and had not reported.
        """
        with self._noting_errors():
            if isinstance(returned, Report):
                fidelity = _fidelity(self.trial, returned.fidelity)
                return Report(fidelity, plain(returned.measurements))
            measured = plain(returned)
            if not self._was_told:
                return measured
            if self._reported is None:
                raise EvaluationError(
                    "the evaluator was told to stop early and returned measurements, but never "
                    "reported a fidelity; call context.report(fidelity, measurements) before "
                    "context.should_stop()"
                )
            return Report(self._reported, measured)

    @contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise


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


def _fidelity(trial: Trial, value: object) -> float:
    number = _number("fidelity", value)
    if not math.isfinite(number):
        raise EvaluationError(f"a fidelity needs to be finite, got {number}")
    return number if trial.fidelity is None else checked_fidelity(trial, number)


def _continued(trial: Trial, directory: Path) -> Path | None:
    return None if trial.continues is None else directory.with_name(str(trial.continues))


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
