"""How far each point is from being dominated, or from not being so, in one number."""

import numpy as np
from jaxtyping import Float

from moopt.front.points import require_points


def dominance_margin(values: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " n"]:
    """Return how much worse each point could be in all objectives before another one dominates it.

    It is above zero for the points that no other one equals or dominates, and below zero by what a
    point lacks in every objective to be one of them. It preserves the order: what dominates a point
    has no smaller margin. The unit of each objective is the way from the median to the best point.

    Source: Zitzler and Künzli, "Indicator-based selection in multiobjective search", PPSN (2004),
    for the additive epsilon indicator between one point and all others.

    Args:
        values: Larger is better, one point a row.

    Raises:
        ValueError: A value is not finite, or there is no point.
    """
    require_points(values, "a margin of dominance")
    if len(values) == 1:
        return np.ones(1)
    best = values.max(axis=0)
    units = best - np.median(values, axis=0)
    units = np.where(units > 0, units, best - values.min(axis=0))
    scaled = (values - best) / np.where(units > 0, units, 1.0)
    lead = np.full((len(values), len(values)), np.inf)
    for column in scaled.T:
        np.minimum(lead, column[None] - column[:, None], out=lead)
    np.fill_diagonal(lead, -np.inf)
    return np.asarray(-lead.max(axis=1))
