"""From an outcome to the record: measured, failed, or to be tried again."""

import logging

from moopt.errors import StateError
from moopt.store.store import Store
from moopt.study.evaluation import Evaluation
from moopt.study.outcomes import judge
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Trial

MAX_ATTEMPTS = 3
"""How often a trial is started when the infrastructure fails under it."""

_LOGGER = logging.getLogger(__name__)


def record(store: Store, study: Study, trial: Trial, evaluation: Evaluation) -> None:
    """Record what became of a trial; one that the infrastructure lost is proposed again.

    Raises:
        EvaluationError: The evaluator needs mending; nothing is recorded.
    """
    try:
        match judge(study, trial, evaluation.outcome):
            case Failure() as failure if _is_retried(failure, trial):
                store.hand_back(study.name, trial.number)
            case Failure() as failure:
                store.fail(study.name, trial.number, failure)
            case measurements:
                store.complete(study.name, trial.number, measurements)
    except StateError as error:
        # This machine slept for longer than the lease, and another driver took the trial.
        _LOGGER.warning("%s", error)


def record_held_out(store: Store, study: Study, trial: Trial, evaluation: Evaluation) -> bool:
    """Record a trial's measurements on held-out data, and say whether to try again.

    A failure takes nothing from the trial: it has no held-out figures then.

    Args:
        store: Where to.
        study: What it belongs to.
        trial: With the attempts to measure it on held-out data, this one among them.
        evaluation: On held-out data.

    Raises:
        EvaluationError: The evaluator needs mending; nothing is recorded.
    """
    match judge(study, trial, evaluation.outcome):
        case Failure() as failure if _is_retried(failure, trial):
            return True
        case Failure(message=message):
            _LOGGER.warning("trial %d has no held-out figures: %s", trial.number, message)
        case measurements:
            store.record_held_out(study.name, trial.number, measurements)
    return False


def _is_retried(failure: Failure, trial: Trial) -> bool:
    return failure.kind is FailureKind.INFRASTRUCTURE and trial.attempts < MAX_ATTEMPTS
