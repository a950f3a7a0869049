"""How good a set of points is, in one number, besides its hypervolume.

Larger is better in every objective. Each mixes the units of the objectives: scale these alike, to
[0, 1] say, by the same limits for all sets that are compared.
"""

import moocore
import numpy as np
from jaxtyping import Float

from moopt.front.points import require_points
from moopt.front.preference_weights import preference_weights


def igd_plus(values: Float[np.ndarray, "n m"], reference_front: Float[np.ndarray, "k m"]) -> float:
    """Return how far the reference front lies beyond the points, on average; 0 is best.

    For each point of the reference front, the shortest way from one of the points, counting only
    the objectives in which that one is worse.

    Source: Ishibuchi, Masuda, Tanigaki and Nojima, "Modified distance calculation in generational
    distance and inverted generational distance", EMO (2015), in the implementation of moocore.

    Raises:
        ValueError: A set is empty, or a value is not finite.
    """
    require_points(values, "the set to judge")
    require_points(reference_front, "the reference front")
    return float(moocore.igd_plus(values, ref=reference_front, maximise=True))


def additive_epsilon(
    values: Float[np.ndarray, "n m"], reference_front: Float[np.ndarray, "k m"]
) -> float:
    """Return how much must be added to every value for the points to reach the reference front.

    It is negative where the points are beyond the reference front everywhere.

    Source: Zitzler, Thiele, Laumanns, Fonseca and Grunert da Fonseca, "Performance assessment of
    multiobjective optimizers: an analysis and review", IEEE Transactions on Evolutionary
    Computation 7 (2003), in the implementation of moocore.

    Raises:
        ValueError: A set is empty, or a value is not finite.
    """
    require_points(values, "the set to judge")
    require_points(reference_front, "the reference front")
    return float(moocore.epsilon_additive(values, ref=reference_front, maximise=True))


def r2(
    values: Float[np.ndarray, "n m"],
    *,
    utopia: Float[np.ndarray, " m"],
    weights: Float[np.ndarray, "w m"] | None = None,
) -> float:
    """Return the weighted Chebyshev distance to the utopia point that is left, on average.

    For each preference it is the distance of the point that suits it best; 0 is best.

    Source: Hansen and Jaszkiewicz, "Evaluating the quality of approximations to the non-dominated
    set", technical report IMM-REP-1998-7 (1998).

    Args:
        values: One point a row.
        utopia: At least as good as every point; the same for all sets that are compared.
        weights: Preferences. None: `preference_weights`.

    Raises:
        ValueError: The set is empty, or a value is not finite or better than the utopia point.
    """
    require_points(values, "the set to judge")
    if not (values <= utopia).all():
        raise ValueError(
            f"R2 needs a utopia point at least as good as every value, got {utopia.tolist()} for "
            f"best values of {values.max(axis=0).tolist()}"
        )
    chosen = preference_weights(values.shape[1]) if weights is None else weights
    distances = (chosen[:, None] * (utopia - values)).max(axis=-1)  # [w, n]
    return float(distances.min(axis=1).mean())


def expected_utility(
    values: Float[np.ndarray, "n m"], weights: Float[np.ndarray, "w m"] | None = None
) -> float:
    """Return the weighted sum that the best point gives, averaged over preferences.

    Source: Zintgraf, Kanters, Roijers, Oliehoek and Beau, "Quality assessment of MORL algorithms:
    a utility-based approach", Benelearn (2015).

    Args:
        values: One point a row.
        weights: Preferences. None: `preference_weights`.

    Raises:
        ValueError: The set is empty, or a value is not finite.
    """
    return float(_utilities(values, weights).mean())


def maximum_utility_loss(
    values: Float[np.ndarray, "n m"],
    reference_front: Float[np.ndarray, "k m"],
    weights: Float[np.ndarray, "w m"] | None = None,
) -> float:
    """Return the weighted sum that whoever is served worst loses against the reference front.

    It is negative where the points serve every preference better than the reference front.

    Source: Zintgraf, Kanters, Roijers, Oliehoek and Beau, "Quality assessment of MORL algorithms:
    a utility-based approach", Benelearn (2015).

    Args:
        values: One point a row.
        reference_front: What could be had.
        weights: Preferences. None: `preference_weights`.

    Raises:
        ValueError: A set is empty, or a value is not finite.
    """
    return float((_utilities(reference_front, weights) - _utilities(values, weights)).max())


def sparsity(front: Float[np.ndarray, "n m"]) -> float:
    """Return the mean squared gap between neighbours, over the objectives; 0 is densest.

    Warning: do not rank methods by it. A front of one point has no gap and scores 0, which reads as
    best; fewer and worse points can lower it. Print the size and the hypervolume of the front next
    to it.

    Source: Xu et al., "Prediction-guided multi-objective reinforcement learning for continuous
    robot control", ICML (2020).

    Args:
        front: Mutually non-dominated points, one a row.

    Raises:
        ValueError: A value is not finite.
    """
    if len(front) < 2:
        return 0.0
    require_points(front, "the front")
    gaps = np.diff(np.sort(front, axis=0), axis=0)
    return float((gaps**2).sum() / (len(front) - 1))


def _utilities(
    values: Float[np.ndarray, "n m"], weights: Float[np.ndarray, "w m"] | None
) -> Float[np.ndarray, " w"]:
    require_points(values, "a set of points")
    chosen = preference_weights(values.shape[1]) if weights is None else weights
    return np.asarray((chosen @ values.T).max(axis=1))
