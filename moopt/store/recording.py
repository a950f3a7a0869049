"""From an evaluation to the record: measured, failed, or to be tried again."""

import logging
from datetime import UTC, datetime

from moopt.errors import StateError
from moopt.store.changes import MAX_WORKER_LOSSES
from moopt.store.reports import PartialResult
from moopt.store.store import Store
from moopt.study.evaluation import Evaluation, Report
from moopt.study.outcomes import Measured, judge
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Trial
from moopt.study.validation import check_measurements

_LOGGER = logging.getLogger(__name__)


def record(store: Store, study: Study, trial: Trial, evaluation: Evaluation) -> Measured | Failure:
    """Record what became of a trial and return it; one that was lost is proposed again."""
    name, number, attempt = study.name, trial.number, trial.attempts
    came = judge(study, trial, evaluation.outcome)
    try:
        match came:
            case Failure(kind=FailureKind.INFRASTRUCTURE) as failure:
                store.lose(name, number, failure, attempt=attempt)
            case Failure() as failure:
                store.fail(name, number, failure, attempt=attempt, usage=evaluation.usage)
            case Measured(measurements=measurements, reached=reached):
                store.complete(name, number, measurements, reached=reached, usage=evaluation.usage)
    except StateError as error:
        # This machine was silent for longer than a lease, and another driver took the trial.
        _LOGGER.warning("%s", error)
    return came


def record_report(store: Store, study: Study, trial: Trial, report: Report) -> None:
    """Keep a partial result of a trial.

    Raises:
        EvaluationError: It is no measurement.
    """
    measured = check_measurements(report.measurements)
    store.report(
        study.name,
        PartialResult(trial.number, trial.attempts, report.fidelity, measured, datetime.now(UTC)),
    )


def record_held_out(store: Store, study: Study, trial: Trial, evaluation: Evaluation) -> bool:
    """Record a trial's measurements on held-out data, and say whether to try again.

    A failure takes nothing from the trial: it has no held-out figures then.

    Args:
        store: Where to.
        study: What it belongs to.
        trial: With the attempts to measure it on held-out data, this one among them.
        evaluation: On held-out data.
    """
    match judge(study, trial, evaluation.outcome):
        case Failure(kind=FailureKind.INFRASTRUCTURE) if trial.attempts < MAX_WORKER_LOSSES:
            return True
        case Failure(message=message):
            _LOGGER.warning("trial %d has no held-out figures: %s", trial.number, message)
        case Measured(reached=float() as reached):
            _LOGGER.warning(
                "trial %d has no held-out figures: its evaluator ended early, at fidelity %g",
                trial.number,
                reached,
            )
        case Measured(measurements=measurements):
            store.record_held_out(study.name, trial.number, measurements, usage=evaluation.usage)
    return False
