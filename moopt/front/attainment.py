"""What repeated runs reach, and in which share of them.

A run attains a point when it found one that is at least as good in every objective. Runs may differ
in length; a run without points attains nothing and still counts.
"""

import math
from collections.abc import Sequence

import moocore
import numpy as np
from jaxtyping import Float, Int

from moopt.front.points import require_points

QUARTILES = (0.25, 0.5, 0.75)


def attainment_surfaces(
    runs: Sequence[Float[np.ndarray, "_ m"]], levels: Sequence[float] = QUARTILES
) -> dict[float, Float[np.ndarray, "_ m"]]:
    """Return for each level the front of what at least that share of the runs attains.

    The level 0.5 is the median front: half of the runs reach it or better. A surface that too few
    runs reach has no points.

    Source: Fonseca, Guerreiro, López-Ibáñez and Paquete, "On the computation of the empirical
    attainment function", EMO (2011), in the implementation of moocore.

    Args:
        runs: The points of each run, one a row; larger is better.
        levels: Shares of the runs, above 0 and up to 1.

    Raises:
        ValueError: There is no run, a value is not finite, a level is no share, or the objectives
            are not two or three.
    """
    objectives = _count_objectives(runs)
    if objectives not in {2, 3}:
        raise ValueError(
            f"attainment surfaces need two or three objectives, got {objectives}; "
            "`attained_share` takes any number"
        )
    for level in levels:
        if not 0 < level <= 1:
            raise ValueError(f"an attainment level needs to be in (0, 1], got {level}")
    points = np.vstack(runs)
    run_of_point = np.repeat(np.arange(len(runs)), [len(run) for run in runs])
    # 0.07 x 100 is 7.000000000000001 in floating point, and 7 runs are enough.
    needed = {level: math.ceil(level * len(runs) - 1e-9) for level in levels}
    return {level: _surface(points, run_of_point, count) for level, count in needed.items()}


def attained_share(
    runs: Sequence[Float[np.ndarray, "_ m"]], points: Float[np.ndarray, "q m"]
) -> Float[np.ndarray, " q"]:
    """Return the share of the runs that attain each point: the empirical attainment function.

    Source: Grunert da Fonseca, Fonseca and Hall, "Inferential performance assessment of stochastic
    optimisers and the attainment function", EMO (2001).

    Args:
        runs: The points of each run, one a row; larger is better.
        points: Where to look, one a row.

    Raises:
        ValueError: There is no run, or a value is not finite.
    """
    _count_objectives(runs)
    attained = [(run[:, None] >= points).all(axis=-1).any(axis=0) for run in runs]
    return np.asarray(np.mean(attained, axis=0))


def _count_objectives(runs: Sequence[Float[np.ndarray, "_ m"]]) -> int:
    if len(runs) == 0:
        raise ValueError("attainment needs at least one run, got none")
    for number, run in enumerate(runs):
        if len(run) > 0:
            require_points(run, f"run {number}")
    return int(runs[0].shape[1])


def _surface(
    points: Float[np.ndarray, "n m"], run_of_point: Int[np.ndarray, " n"], needed: int
) -> Float[np.ndarray, "_ m"]:
    """Return the front of what at least `needed` of the runs attain."""
    with_points = len(np.unique(run_of_point))
    if needed > with_points:
        return np.empty((0, points.shape[1]))
    # moocore minimises, and rounds percentiles up to whole runs: the middle of a step is safe.
    percentile = 100 * (needed - 0.5) / with_points
    surface = moocore.eaf(-points, run_of_point, percentiles=[percentile])
    return np.asarray(-surface[:, :-1])
