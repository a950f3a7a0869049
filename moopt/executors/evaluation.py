"""One evaluation, the same on every executor: its context, failure, reports, plain numbers."""

import logging
import traceback
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from moopt.executors.metering import Meter
from moopt.executors.ownership import take_over
from moopt.executors.raised import failure_of, free_gpu_memory
from moopt.executors.talk import Talk
from moopt.study.evaluation import (
    Context,
    Evaluation,
    Evaluator,
    Outcome,
    Report,
    never_stop,
)
from moopt.study.trials import Failure, FailureCause, Trial

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
        Exception: What `take` raised.
    """
    directory.mkdir(parents=True, exist_ok=True)
    take_over(directory, trial)
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
            if talk.untold is not None:
                raise talk.untold from None
            logger.exception("trial %d failed", trial.number)
            told = str(talk.mistake) if talk.mistake else _told(error, directory / LOG)
            outcome = failure_of(talk.mistake or error, told)
        usage = meter.usage()
    if isinstance(outcome, Failure) and outcome.cause is FailureCause.GPU_OUT_OF_MEMORY:
        free_gpu_memory()
    return Evaluation(outcome, usage)


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


def _continued(trial: Trial, directory: Path) -> Path | None:
    return None if trial.continues is None else directory.with_name(str(trial.continues))


def _told(error: BaseException, log: Path) -> str:
    text = " ".join(str(error).split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    return f"{said[:MESSAGE_LENGTH]} ({where}; traceback in {log})"
