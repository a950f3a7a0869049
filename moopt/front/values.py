"""Trials as points of the objective space, larger is better."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState


def objective_values(study: Study, trials: Sequence[Trial]) -> Float[np.ndarray, "n m"]:
    """Return the means of the objectives, maximised ones as they are, minimised ones negated.

    What was not measured is NaN.
    """
    values = np.full((len(trials), len(study.objectives)), np.nan)
    for row, trial in enumerate(trials):
        for column, objective in enumerate(study.objectives):
            measurement = trial.measurements.get(objective.name)
            if measurement is not None:
                values[row, column] = objective.direction.sign * measurement.mean
    return values


def measured_trials(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """Return the completed trials that have every objective, at the fidelity that counts."""
    return [
        trial
        for trial in trials
        if trial.state is TrialState.COMPLETED
        and is_whole(study, trial)
        and all(objective.name in trial.measurements for objective in study.objectives)
    ]


def is_whole(study: Study, trial: Trial) -> bool:
    """Say whether a trial is measured at the fidelity that counts."""
    return study.fidelity is None or trial.fidelity in (None, study.fidelity.high)


def is_feasible(study: Study, trial: Trial) -> bool:
    """Say whether every constrained outcome was measured and is within its limits."""
    return all(
        constraint.name in trial.measurements
        and constraint.holds(trial.measurements[constraint.name].mean)
        for constraint in study.outcome_constraints
    )
