"""Functions in closed form of which only a part may be used: limits on outcomes.

The slack of each limit is measured like an objective, and must not be negative. Where BoTorch does
not know the hypervolume of the feasible front, it is computed on the front's known form.
"""

import numpy as np
from botorch.test_functions.multi_objective import C2DTLZ2, MW7, OSY, ConstrainedBraninCurrin
from jaxtyping import Float

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.synthetic import from_botorch
from moopt.front.hypervolume import hypervolume

ANGLES = 20_001
"""Points computed on each front."""


def constrained_branin_currin() -> Problem:
    """Return Branin and Currin inside a disk.

    Source: Gelbart, Snoek and Adams, "Bayesian optimization with unknown constraints", UAI 2014.
    """
    return from_botorch("constrained_branin_currin", ConstrainedBraninCurrin(), trials=80)


def c2_dtlz2() -> Problem:
    """Return DTLZ2 of which three pieces of the front are feasible.

    Source: Jain and Deb, "An evolutionary many-objective optimization algorithm using
    reference-point based nondominated sorting approach, part II", IEEE Transactions on Evolutionary
    Computation 18 (2014).
    """
    front = c2_dtlz2_front()
    best = hypervolume(-front, np.full(2, -1.1))
    return from_botorch("c2_dtlz2", C2DTLZ2(dim=6, num_objectives=2), trials=80, best=best)


def mw7() -> Problem:
    """Return MW7: a front of pieces, on the unit circle and on limits outside it.

    Source: Ma and Wang, "Evolutionary constrained multiobjective optimization: test suite
    construction and performance comparisons", IEEE Transactions on Evolutionary Computation 23
    (2019).
    """
    # With four inputs one random point in twenty is feasible, with six none in hundreds.
    best = hypervolume(-mw7_front(), np.full(2, -1.2))
    return from_botorch("mw7", MW7(dim=4), trials=80, best=best)


def osy() -> Problem:
    """Return the problem of Osyczka and Kundu: six limits, a front of five pieces along them.

    Source: Osyczka and Kundu, "A new method to solve generalized multicriteria optimization
    problems using the simple genetic algorithm", Structural Optimization 10 (1995).
    """
    best = hypervolume(-osy_front(), -np.array([-75.0, 75.0]))
    return from_botorch("osy", OSY(), trials=80, best=best)


def c2_dtlz2_front() -> Float[np.ndarray, "n 2"]:
    """Return the feasible points on the unit circle."""
    radius = 0.2
    circle = _circle()
    nearest = [(1.0, 0.0), (0.0, 1.0), (np.sqrt(0.5), np.sqrt(0.5))]
    distances = [np.square(circle - np.array(centre)).sum(axis=1) for centre in nearest]
    # The distance to the middle is compared with both radii together, by the definition.
    limits = np.array([[radius**2], [radius**2], [2 * radius**2]])
    return np.asarray(circle[(np.stack(distances) <= limits).any(axis=0)])


def mw7_front() -> Float[np.ndarray, "n 2"]:
    """Return the nearest feasible points to the origin in each direction."""
    circle = _circle()
    angles = np.linspace(0.0, np.pi / 2, ANGLES)[:, None]
    waves = np.abs(np.sin(4 * angles))
    nearest = np.maximum(1.0, 1.15 - 0.2 * waves**8)
    allowed = nearest <= 1.2 + 0.4 * waves**16
    return np.asarray((nearest * circle)[allowed[:, 0]])


def osy_front() -> Float[np.ndarray, "n 2"]:
    """Return the objectives along the front."""
    points = osy_inputs(ANGLES // 5)
    squares = np.square(points[:, :5] - np.array([2.0, 2.0, 1.0, 4.0, 1.0]))
    weights = np.array([25.0, 1.0, 1.0, 1.0, 1.0])
    return np.stack([-squares @ weights, np.square(points).sum(axis=1)], axis=1)


def osy_inputs(count: int) -> Float[np.ndarray, "n 6"]:
    """Return so many points on each of the five pieces, along which one or two inputs vary.

    Source: Deb, "Multi-objective optimization using evolutionary algorithms", Wiley (2001).
    """
    share = np.linspace(0.0, 1.0, count)
    zero, one = np.zeros_like(share), np.ones_like(share)
    first = 4.056 + 0.944 * share
    pieces = [
        (5 * one, one, 1 + 4 * share, zero, 5 * one, zero),
        (5 * one, one, 1 + 4 * share, zero, one, zero),
        (first, (first - 2) / 3, one, zero, one, zero),
        (zero, 2 * one, 1 + 2.732 * share, zero, one, zero),
        (share, 2 - share, one, zero, one, zero),
    ]
    return np.concatenate([np.stack(piece, axis=1) for piece in pieces])


def _circle() -> Float[np.ndarray, "n 2"]:
    angles = np.linspace(0.0, np.pi / 2, ANGLES)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)
