"""What an evaluator returned, as the study takes it: measurements, a failure, or a mistake."""

import math
import reprlib
from dataclasses import dataclass

from moopt.errors import EvaluationError, NonFiniteError
from moopt.study.evaluation import Outcome, Report
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureCause, FailureKind, Measurements, Trial
from moopt.study.validation import check_measurements, missing_outcomes, with_formulas

_ROUNDING = 1e-9
"""Relative error of a fidelity that was summed up from parts."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a trial came to."""

    measurements: Measurements
    """With every formula computed."""

    reached: float | None = None
    """The fidelity that they are at, where the trial ended before its own. None: it did not."""


def judge(study: Study, trial: Trial, outcome: Outcome) -> Measured | Failure:
    """Return what was measured, or why there is nothing.

    NaN and infinity are failures of the candidate. What is missing or no number at all is a mistake
    of the evaluator, for which no candidate is to blame.
    """
    if isinstance(outcome, Failure):
        return outcome
    raw = outcome.measurements if isinstance(outcome, Report) else outcome
    reached = None
    try:
        if isinstance(outcome, Report):
            fidelity = checked_fidelity(trial, outcome.fidelity)
            reached = None if fidelity == trial.fidelity else fidelity
        measured = check_measurements(raw)
        missing = missing_outcomes(study.outcomes, raw)
        complete = with_formulas(study.objectives, trial.parameters, measured)
    except NonFiniteError as error:
        return Failure(FailureKind.CANDIDATE, str(error), FailureCause.NON_FINITE)
    except EvaluationError as error:
        return mistake(error)
    if missing:
        return mistake(
            f"the evaluator returned no {', '.join(map(repr, missing))}, it returned "
            f"{reprlib.repr(dict(raw))}; return a value for each of {list(study.outcomes)}, "
            "or None for what was not measured",
        )
    return Measured(complete, reached)


def checked_fidelity(trial: Trial, fidelity: float) -> float:
    """Return the fidelity that an evaluator says it has reached.

    Raises:
        EvaluationError: The trial cannot be there.
    """
    if trial.fidelity is None:
        raise EvaluationError(
            f"the evaluator ended early, at fidelity {fidelity!r}, in a study that has no fidelity;"
            " give the study one, or return the measurements alone"
        )
    if math.isclose(fidelity, trial.fidelity, rel_tol=_ROUNDING):
        return trial.fidelity
    if not 0 < fidelity < trial.fidelity:
        raise EvaluationError(
            f"a fidelity above 0 and at most {trial.fidelity:g}, that of the trial, was to be "
            f"reported, got {fidelity!r}"
        )
    return fidelity


def mistake(what: object) -> Failure:
    """Return the failure of a trial in which a mistake of the evaluator showed."""
    return Failure(FailureKind.EVALUATOR, str(what), FailureCause.WRONG_RESULT)
