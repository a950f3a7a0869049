"""How the hypervolume of a growing set of points rises, at a cost that many objectives allow.

The exact volume costs exponentially more with each objective: of a hundred points in nine it takes
seconds, and a trace asks for it after every trial. From there on it is an average over directions:
along each the front ends somewhere, and a new point can only push that end outwards.
"""

import math
from functools import cache

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri
from scipy.stats import qmc

from moopt.front.dominance import is_nondominated
from moopt.front.hypervolume import hypervolume

EXACT_OBJECTIVES = 5
"""Up to so many objectives every volume is exact."""

FEW_POINTS = 32
"""With more objectives, the volume of so many points is exact."""

DIRECTIONS = 2**15
"""Quasi-random ones: a volume is off by about a hundredth at most, and repeatable."""


def affordable_hypervolume(
    values: Float[np.ndarray, "n m"],
    reference_point: Float[np.ndarray, " m"],
    *,
    directions: int = DIRECTIONS,
) -> float:
    """Return the hypervolume: exact where that is quick, else an average over directions.

    Args:
        values: One point a row; larger is better.
        reference_point: Where the volume starts.
        directions: To average over, where it is estimated: a power of two.

    Raises:
        ValueError: A value is NaN.
    """
    if values.shape[1] <= EXACT_OBJECTIVES or len(values) <= FEW_POINTS:
        return hypervolume(values, reference_point)
    return float(estimated_growth(values, reference_point, directions=directions)[-1])


def hypervolume_growth(
    values: Float[np.ndarray, "n m"],
    counted: Bool[np.ndarray, " n"],
    reference_point: Float[np.ndarray, " m"],
    *,
    directions: int = DIRECTIONS,
) -> Float[np.ndarray, " n"]:
    """Return the hypervolume of the first point, of the first two, and so on.

    Args:
        values: One point a row; larger is better. Rows that do not count may hold anything.
        counted: Which rows add to the front, such as the feasible ones.
        reference_point: Where the volume starts.
        directions: Where it is estimated, an average over so many: a power of two.
    """
    count, objectives = values.shape
    growth = np.zeros(count)
    kept = np.flatnonzero(counted)
    if len(kept) == 0:
        return growth
    if objectives <= EXACT_OBJECTIVES or len(kept) <= FEW_POINTS:
        growth[kept] = _exact_growth(values[kept], reference_point)
    else:
        growth[kept] = estimated_growth(values[kept], reference_point, directions=directions)
    return np.maximum.accumulate(growth)


def estimated_growth(
    values: Float[np.ndarray, "n m"],
    reference_point: Float[np.ndarray, " m"],
    *,
    directions: int = DIRECTIONS,
) -> Float[np.ndarray, " n"]:
    """Return the hypervolume of the first point, of the first two, and so on, estimated.

    Source: Deng and Zhang, "Approximating hypervolume and hypervolume contributions using polar
    coordinate", IEEE Transactions on Evolutionary Computation 23 (2019).

    Args:
        values: One point a row; larger is better.
        reference_point: Where the volume starts.
        directions: To average over: a power of two.
    """
    gains = values - reference_point
    above = (gains > 0).all(axis=1)
    growth = np.zeros(len(values))
    if not above.any():
        return growth
    objectives = values.shape[1]
    units = gains[above].max(axis=0)
    inverse = 1.0 / _directions(objectives, directions)
    # Area of the part of the unit sphere in which all coordinates are positive, and its cone.
    area = 2.0 * math.pi ** (objectives / 2) / math.gamma(objectives / 2) / 2**objectives
    volume = float(np.prod(units)) * area / objectives
    ends, reached = np.zeros(len(inverse)), 0.0
    for row, gain in enumerate(gains / units):
        if above[row]:
            ends = np.maximum(ends, (inverse * gain).min(axis=1))
            reached = volume * float((ends**objectives).mean())
        growth[row] = reached
    return growth


def _exact_growth(
    values: Float[np.ndarray, "n m"], reference_point: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    growth = np.zeros(len(values))
    front, reached = np.empty((0, values.shape[1])), 0.0
    for row, value in enumerate(values):
        adds = (value > reference_point).all() and not (front >= value).all(axis=1).any()
        if adds:
            front = np.vstack([front, value])
            front = front[is_nondominated(front)]
            reached = hypervolume(front, reference_point)
        growth[row] = reached
    return growth


@cache
def _directions(objectives: int, count: int) -> Float[np.ndarray, "s m"]:
    """Return unit vectors spread evenly over those without a negative coordinate."""
    uniform = qmc.Sobol(objectives, scramble=True, seed=0).random(count)
    normal = np.abs(ndtri(np.clip(uniform, 1e-12, 1.0 - 1e-12)))
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))
