"""Where what is of interest starts and ends.

The reference point is given by the study, or inferred from its first trials; aspirations are given
or there are none.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from moopt.front.dominance import is_nondominated
from moopt.front.values import is_feasible, measured_trials, objective_values
from moopt.study.study import Study
from moopt.study.trials import Trial

MARGIN = 0.1
"""Distance of the reference from the worst value on the front, as a share of the front's range."""


def infer_references(study: Study, trials: Sequence[Trial]) -> dict[str, float]:
    """Return a reference, in its own unit, for each objective to which the study gives none.

    It is the worst value on the front, moved out by a tenth of the front's range. Values beyond an
    aspiration count as the aspiration. Infeasible trials count only while there is no feasible one.
    Without a measured trial there is nothing to infer.

    Source: Ishibuchi, Akedo and Nojima, "A many-objective test problem for visually examining
    diversity maintenance behavior in a decision space", GECCO (2011).
    """
    measured = measured_trials(study, trials)
    feasible = [trial for trial in measured if is_feasible(study, trial)]
    values = objective_values(study, feasible or measured)
    if len(values) == 0:
        return {}
    aspirations = aspiration_point(study)
    below = _below_the_front(np.minimum(values, aspirations))
    # Values next to an aspiration may leave no room for a tenth of their range.
    inferred = np.minimum(below, np.nextafter(aspirations, -np.inf))
    return {
        objective.name: objective.direction.sign * float(inferred[column])
        for column, objective in enumerate(study.objectives)
        if objective.reference is None
    }


def reference_point(study: Study) -> Float[np.ndarray, " m"]:
    """Return the study's references, larger is better; NaN where it gives none."""
    return np.array(
        [
            np.nan if each.reference is None else each.direction.sign * each.reference
            for each in study.objectives
        ]
    )


def aspiration_point(study: Study) -> Float[np.ndarray, " m"]:
    """Return the study's aspirations, larger is better; infinity where it gives none."""
    return np.array(
        [
            np.inf if each.aspiration is None else each.direction.sign * each.aspiration
            for each in study.objectives
        ]
    )


def _below_the_front(values: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " m"]:
    front = values[is_nondominated(values)]
    worst = front.min(axis=0)
    spread = front.max(axis=0) - worst
    # A front of one point has no range; then all trials tell the scale, or else the value itself.
    spread = np.where(spread > 0, spread, values.max(axis=0) - values.min(axis=0))
    spread = np.where(spread > 0, spread, np.maximum(np.abs(worst), 1.0))
    return np.asarray(worst - MARGIN * spread)
