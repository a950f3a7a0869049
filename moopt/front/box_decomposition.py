"""What is not dominated yet, as disjoint boxes. NumPy only; larger is better."""

import numpy as np
from jaxtyping import Float

from moopt.front.dominance import is_nondominated


def nondominated_boxes(
    values: Float[np.ndarray, "n m"], reference_point: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, "c m"], Float[np.ndarray, "c m"]]:
    """Return lower and upper corners of disjoint boxes that fill what no point dominates.

    The boxes lie above the reference point; together they are all of the space there that is not
    dominated by a point. Upper corners may be infinite. Every finite coordinate is one of a point
    or of the reference point. For one objective there is one box, above the best value; for two
    there are n + 1 boxes, for three at most 2n + 1.

    Source: Lacour, Klamroth and Fonseca, "A box decomposition algorithm to compute the hypervolume
    indicator", Computers & Operations Research 79 (2017), for the local bounds and what defines
    them.
    """
    above = values[(values > reference_point).all(axis=1)]
    front = np.unique(above[is_nondominated(above)], axis=0)[::-1]
    if len(reference_point) == 2:
        return _strips(front, reference_point)
    # Ranks in place of coordinates: what defines a bound is unique where no two points are level,
    # and boxes between points that are have no volume in the end.
    order = front.argsort(axis=0, kind="stable")
    ranks = order.argsort(axis=0) + 1.0
    # Local lower bounds of the region, each with the points that define its coordinates.
    zero = np.zeros_like(reference_point)
    corners = zero[None].copy()
    definers = _dummies(zero)[None]
    for point in ranks:
        below = (corners < point).all(axis=1)
        raised, raised_definers = _raised(corners[below], definers[below], point)
        corners = np.concatenate([corners[~below], raised])
        definers = np.concatenate([definers[~below], raised_definers])
    upper = np.full_like(corners, np.inf)
    for objective in range(1, corners.shape[1]):
        upper[:, objective] = definers[:, :objective, objective].min(axis=1)
    levels = np.vstack([reference_point, np.sort(front, axis=0), np.full_like(zero, np.inf)])
    corners, upper = (
        np.take_along_axis(levels, np.minimum(each, len(front) + 1).astype(int), axis=0)
        for each in (corners, upper)
    )
    real = (corners < upper).all(axis=1)
    return corners[real], upper[real]


def boxes_of_interest(
    values: Float[np.ndarray, "n m"],
    reference_point: Float[np.ndarray, " m"],
    aspiration_point: Float[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "c m"], Float[np.ndarray, "c m"]]:
    """Return boxes that fill what no point dominates and lies below the aspiration point.

    A value beyond an aspiration is worth as much as the aspiration, so points are moved back to it.
    There is no box where a point reaches every aspiration.

    Args:
        values: Points, one a row.
        reference_point: Worst values of interest.
        aspiration_point: Best values of interest, better than the reference point; may be infinite.
    """
    lower, upper = nondominated_boxes(np.minimum(values, aspiration_point), reference_point)
    upper = np.minimum(upper, aspiration_point)
    real = (lower < upper).all(axis=1)
    return lower[real], upper[real]


def _strips(
    front: Float[np.ndarray, "n 2"], reference_point: Float[np.ndarray, " 2"]
) -> tuple[Float[np.ndarray, "c 2"], Float[np.ndarray, "c 2"]]:
    """Return one strip above each point of the front, which falls in its first coordinate."""
    first = np.concatenate([front[:, 0], reference_point[:1]])
    second = np.concatenate([reference_point[1:], front[:, 1]])
    lower = np.stack([first, second], axis=1)
    upper = np.full_like(lower, np.inf)
    upper[1:, 0] = front[:, 0]
    return lower, upper


def _dummies(reference_point: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m m"]:
    """Return points that define the reference point: infinite but for one coordinate each."""
    dummies = np.full((len(reference_point),) * 2, np.inf)
    np.fill_diagonal(dummies, reference_point)
    return dummies


def _raised(
    corners: Float[np.ndarray, "k m"],
    definers: Float[np.ndarray, "k m m"],
    point: Float[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "new m"], Float[np.ndarray, "new m m"]]:
    """Split bounds that a point exceeds, raising one coordinate of each to the point's."""
    count = corners.shape[1]
    new_corners, new_definers = [], []
    for objective in range(count):
        others = [each for each in range(count) if each != objective]
        smallest = definers[:, others, objective].min(axis=1, initial=np.inf)
        kept = point[objective] < smallest
        raised, defined = corners[kept].copy(), definers[kept].copy()
        raised[:, objective] = point[objective]
        defined[:, objective] = point
        new_corners.append(raised)
        new_definers.append(defined)
    return np.concatenate(new_corners), np.concatenate(new_definers)
