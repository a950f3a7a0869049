"""The point a share of the way along a front of two objectives, and the distance from it.

The distance says how far a trial is from a chosen compromise, where the distance from the whole
front would praise its extremes as well.
"""

import numpy as np
from jaxtyping import Float

from moopt.front.points import require_points


def alpha_point(front: Float[np.ndarray, "n m"], alpha: float = 0.5) -> int:
    """Return the row of the front that is nearest to the share `alpha` of the way along it.

    The way starts at the best value of the first objective and ends at the best of the second; it
    is as long as the straight lines between neighbours. Of two rows equally near it is the earlier.

    Source: Rampisela, Ruotsalo, Maistro and Lioma, "Joint evaluation of fairness and relevance in
    recommender systems with Pareto frontier", WWW (2025).

    Args:
        front: Mutually non-dominated points of two objectives, one a row. Scale the objectives
            alike: their units make up the length.
        alpha: 0: only the first objective counts; 1: only the second.

    Raises:
        ValueError: The front is empty, a value is not finite, the objectives are not two, or
            `alpha` is no share.
    """
    require_points(front, "a front with an alpha-point")
    if front.shape[1] != 2:
        raise ValueError(f"an alpha-point needs two objectives, got {front.shape[1]}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"an alpha-point needs 0 <= alpha <= 1, got {alpha}")
    from_the_first_end = np.lexsort((-front[:, 1], -front[:, 0]))
    # Of rows equal in the first objective the best in the second comes first, and is kept.
    _, kept = np.unique(-front[from_the_first_end, 0], return_index=True)
    path = from_the_first_end[kept]
    steps = np.linalg.norm(np.diff(front[path], axis=0), axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    return int(path[np.argmin(np.abs(travelled - alpha * travelled[-1]))])


def distance_to_alpha_point(
    values: Float[np.ndarray, "q m"], front: Float[np.ndarray, "n m"], alpha: float = 0.5
) -> Float[np.ndarray, " q"]:
    """Return the Euclidean distance of each point to the α-point of the front (DPFR).

    Source: Rampisela, Ruotsalo, Maistro and Lioma, "Joint evaluation of fairness and relevance in
    recommender systems with Pareto frontier", WWW (2025).

    Args:
        values: The points to judge, one a row, on the front or off it.
        front: As for `alpha_point`.
        alpha: As for `alpha_point`.

    Raises:
        ValueError: As for `alpha_point`.
    """
    return np.asarray(np.linalg.norm(values - front[alpha_point(front, alpha)], axis=1))
