"""What an evaluator returned, as the study takes it: measurements, a failure, or a mistake."""

import reprlib

from moopt.errors import EvaluationError, NonFiniteError
from moopt.study.evaluation import Outcome
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureCause, FailureKind, Measurement, Trial
from moopt.study.validation import check_measurements, missing_outcomes, with_formulas


def judge(study: Study, trial: Trial, outcome: Outcome) -> dict[str, Measurement] | Failure:
    """Return the measurements with every formula computed, or why there are none.

    NaN and infinity are failures of the candidate. What is missing or no number at all is a mistake
    of the evaluator, for which no candidate is to blame.

    Raises:
        EvaluationError: The evaluator needs mending.
    """
    if isinstance(outcome, Failure):
        return outcome
    try:
        measured = check_measurements(outcome)
        missing = missing_outcomes(study.outcomes, outcome)
        complete = with_formulas(study.objectives, trial.parameters, measured)
    except NonFiniteError as error:
        return Failure(FailureKind.CANDIDATE, str(error), FailureCause.NON_FINITE)
    except EvaluationError as error:
        raise mistake(trial, error) from error
    if missing:
        raise mistake(
            trial,
            f"the evaluator returned no {', '.join(map(repr, missing))}, it returned "
            f"{reprlib.repr(dict(outcome))}; return a value for each of {list(study.outcomes)}, "
            "or None for what was not measured",
        )
    return complete


def mistake(trial: Trial, what: object) -> EvaluationError:
    """Return the error for a mistake of the evaluator that showed in a trial."""
    return EvaluationError(
        f"trial {trial.number}: {what}. Mend the evaluator and run again: the trial is kept and "
        "done then"
    )
