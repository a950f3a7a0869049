"""One number for a trial: what it is worth when every objective matters.

Larger is better in every objective and in every result.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def log_sigmoid_utility(
    values: Float[np.ndarray, "n m"],
    good: Float[np.ndarray, " m"],
    scale: Float[np.ndarray, " m"],
) -> Float[np.ndarray, " n"]:
    """Return `Σ log σ((value - good) / scale)`: the log-probability that every objective is good.

    Above `good` more is worth little; below it each lost `scale` costs about 1. So a surplus in one
    objective does not make up for a lack in another.

    Source: Wang et al., "Transforming and combining rewards for aligning large language models",
    ICML (2024).

    Args:
        values: One point a row.
        good: Where an objective is as likely good as not.
        scale: Three of these above it, an objective is good with 95 %.

    Raises:
        ValueError: A scale is not positive.
    """
    if not (scale > 0).all():
        raise ValueError(f"a log-sigmoid utility needs scales > 0, got {scale.tolist()}")
    # log σ(z) = -log(1 + exp(-z)); logaddexp does not overflow.
    return np.asarray(-np.logaddexp(0.0, -(values - good) / scale).sum(axis=1))


def log_nash_product(
    values: Float[np.ndarray, "n m"], disagreement: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """Return the logarithm of the product of the gains over the disagreement point.

    It is -∞ for a point that does not gain in every objective. Scaling an objective moves all
    points alike, so the best one does not depend on units.

    Source: Nash, "The bargaining problem", Econometrica 18 (1950).

    Args:
        values: One point a row.
        disagreement: What everybody has without an agreement.
    """
    gains = values - disagreement
    logarithms = np.full_like(gains, -np.inf)
    np.log(gains, out=logarithms, where=gains > 0)
    return np.asarray(logarithms.sum(axis=1))


def smallest_gain(
    values: Float[np.ndarray, "n m"],
    disagreement: Float[np.ndarray, " m"],
    ideal: Float[np.ndarray, " m"],
) -> Float[np.ndarray, " n"]:
    """Return the gain over the disagreement point in the objective that gains least.

    A gain of 1 reaches the ideal. The point with the largest smallest gain is the egalitarian one.

    Source: Kalai and Smorodinsky, "Other solutions to Nash's bargaining problem", Econometrica 43
    (1975).

    Args:
        values: One point a row.
        disagreement: What everybody has without an agreement.
        ideal: The best value of each objective by itself.

    Raises:
        ValueError: The ideal is not better than the disagreement point in every objective.
    """
    if not (ideal > disagreement).all():
        raise ValueError(
            "gains need an ideal that is better than the disagreement point in every objective, "
            f"got {ideal.tolist()} and {disagreement.tolist()}"
        )
    return np.asarray(((values - disagreement) / (ideal - disagreement)).min(axis=1))


def lexicographic_choice(
    values: Float[np.ndarray, "n m"],
    order: Sequence[int],
    tolerance: Float[np.ndarray, " m"],
) -> int:
    """Return the row that is best in the first objective, among equals in the second, and so on.

    Values within the tolerance of the best that is left count as equal, in every objective but the
    last; what is equal there too is decided by the row that comes first.

    Source: Marler and Arora, "Survey of multi-objective optimization methods for engineering",
    Structural and Multidisciplinary Optimization 26 (2004).

    Args:
        values: One point a row.
        order: Columns, the most important first.
        tolerance: What may be lost in each column for the sake of the next in the order.

    Raises:
        ValueError: There is no point or no column to go by, or a tolerance is negative.
    """
    if len(values) == 0 or len(order) == 0:
        raise ValueError(
            "a lexicographic choice needs points and columns, "
            f"got {len(values)} points and {len(order)} columns"
        )
    if not (tolerance >= 0).all():
        raise ValueError(f"a lexicographic choice needs tolerances >= 0, got {tolerance.tolist()}")
    left = np.arange(len(values))
    for column in order[:-1]:
        remaining = values[left, column]
        enough = remaining.max() - tolerance[column]
        # 0.8 - 0.1 is a little more than 0.7 in floating point.
        left = left[(remaining >= enough) | np.isclose(remaining, enough, rtol=1e-12, atol=0.0)]
    return int(left[np.argmax(values[left, order[-1]])])
