"""Points spread over a polytope that chance would hardly hit.

A point runs from the middle along one direction after the other, each time to any place between the
two ends. What decides are shared numbers, shifted by whole multiples of the point's own uniform
numbers: so a point depends on these alone, and any two decisions of it are independent.
"""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from moopt.encoding.polytope import Polytope

STREAM = 20260
"""Seed of the numbers and multiples that all points share."""

MULTIPLES = 1024
"""Largest multiple: with more, too few digits of a Sobol number would be left."""

LOST = 1e-9
"""Nearest that a number in (0, 1) may come to its ends."""

PARALLEL = 1e-12
"""A side that comes nearer more slowly runs along the direction."""


def hit_and_run(
    polytope: Polytope, uniform: Float[np.ndarray, "p n"]
) -> Float[np.ndarray, "p n"] | None:
    """Return a point of the polytope for each row of uniform numbers, or None where it is empty.

    Source: Smith, "Efficient Monte Carlo procedures for generating points uniformly distributed
    over bounded regions", Operations Research 32 (1984); Cranley and Patterson, "Randomization of
    number theoretic methods for multiple integration", SIAM Journal on Numerical Analysis 13
    (1976), for the shifts.
    """
    found = polytope.inside()
    if found is None:
        return None
    middle, basis = found
    count = basis.shape[1]
    points = np.repeat(middle[None], len(uniform), axis=0)
    if count == 0:
        return points
    sides, bounds = polytope.sides()
    generator = np.random.default_rng(STREAM)
    for _ in range(_steps(count)):
        multiples = generator.integers(1, MULTIPLES, (uniform.shape[1], count + 1))
        numbers = (uniform @ multiples + generator.random(count + 1)) % 1.0
        numbers = np.clip(numbers, LOST, 1.0 - LOST)
        directions = ndtri(numbers[:, :count]) @ basis.T
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        points = _along(points, directions, numbers[:, count], (sides, bounds))
    return points


def _along(
    points: Float[np.ndarray, "p n"],
    directions: Float[np.ndarray, "p n"],
    places: Float[np.ndarray, " p"],
    limits: tuple[Float[np.ndarray, "q n"], Float[np.ndarray, " q"]],
) -> Float[np.ndarray, "p n"]:
    """Move each point to a place between the two ends of its way: 0 and 1 are the ends."""
    sides, bounds = limits
    room = np.maximum(points @ sides.T - bounds, 0.0)
    speed = directions @ sides.T
    moving = np.abs(speed) > PARALLEL
    times = room / np.where(moving, -speed, 1.0)
    ahead = np.where(moving & (speed < 0), times, np.inf).min(axis=1)
    behind = np.where(moving & (speed > 0), times, -np.inf).max(axis=1)
    return np.asarray(points + (behind + places * (ahead - behind))[:, None] * directions)


def _steps(count: int) -> int:
    """On a line one step forgets where the point came from; in more directions it takes many."""
    return 1 if count == 1 else min(max(32, 8 * count), 128)
