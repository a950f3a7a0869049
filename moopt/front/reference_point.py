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

ENOUGH_TO_INFER = 5
"""Trials that have every objective before a missing reference is inferred, once; more if
`start_with` has more."""


def infer_references(study: Study, trials: Sequence[Trial]) -> dict[str, float]:
    """Return a reference, in its own unit, for each objective to which the study gives none.

    It is the worst value on the front, moved out by a tenth of the front's range. Values beyond an
    aspiration count as the aspiration. Infeasible trials count only while there is no feasible one.
    With one objective, whose front is its best value, it is the worst value of all trials, moved
    out by a tenth of their range. Without a measured trial there is nothing to infer.

    Source: Ishibuchi, Akedo and Nojima, "A many-objective test problem for visually examining
    diversity maintenance behavior in a decision space", GECCO (2011).
    """
    measured = measured_trials(study, trials)
    if not measured:
        return {}
    is_alone = len(study.objectives) == 1
    feasible = [trial for trial in measured if is_feasible(study, trial)]
    aspirations = aspiration_point(study)
    values = np.minimum(
        objective_values(study, measured if is_alone else feasible or measured), aspirations
    )
    # Close below a single best value, which may be there by luck, little would be left to gain.
    front = values if is_alone else values[is_nondominated(values)]
    # Values next to an aspiration may leave no room for a tenth of their range.
    inferred = np.minimum(_below(front, values), np.nextafter(aspirations, -np.inf))
    return {
        objective.name: objective.direction.sign * float(inferred[column])
        for column, objective in enumerate(study.objectives)
        if objective.reference is None
    }


def is_settled(study: Study, trials: Sequence[Trial]) -> bool:
    """Say whether references that are inferred now may stay: enough was measured, one feasible.

    What only infeasible trials reach may be better than all that is feasible; above a reference
    made of them nothing would ever count.
    """
    measured = measured_trials(study, trials)
    enough = len(measured) >= max(ENOUGH_TO_INFER, len(study.start_with))
    return enough and any(is_feasible(study, trial) for trial in measured)


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


def _below(
    front: Float[np.ndarray, "f m"], values: Float[np.ndarray, "n m"]
) -> Float[np.ndarray, " m"]:
    worst = front.min(axis=0)
    spread = front.max(axis=0) - worst
    # A front of one point has no range; then all trials tell the scale, or else the value itself.
    spread = np.where(spread > 0, spread, values.max(axis=0) - values.min(axis=0))
    spread = np.where(spread > 0, spread, np.maximum(np.abs(worst), 1.0))
    return np.asarray(worst - MARGIN * spread)
