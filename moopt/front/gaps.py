"""Where a front is sparse: pairs of neighbours with room between them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from moopt.front.points import require_points


@dataclass(frozen=True, slots=True)
class Gap:
    """The room between two points of a front that are neighbours in some objectives."""

    ends: tuple[int, int]
    """Positions of the two points, in ascending order."""

    objectives: tuple[int, ...]
    """In which no other point lies between them."""

    width: float
    """Summed over these objectives, as shares of the front's ranges."""


def widest_gaps(front: Float[np.ndarray, "n m"]) -> list[Gap]:
    """Return the gaps between neighbours of a front, the widest first.

    A point's crowding distance is the room that its neighbours leave it; a gap is the part of
    it that lies on one side. Equal values leave no room.

    Source: Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic
    algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6 (2002); Liu et al.,
    "C-MORL: Multi-Objective Reinforcement Learning through Efficient Discovery of Pareto Front",
    ICLR (2025), for going on where the front is sparse.

    Args:
        front: Points that do not dominate each other, one a row.

    Raises:
        ValueError: A value is not finite, or there is no point.
    """
    require_points(front, "a front with gaps")
    spread = front.max(axis=0) - front.min(axis=0)
    scaled = front / np.where(spread > 0, spread, 1.0)
    found: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for objective, column in enumerate(scaled.T):
        order = column.argsort(kind="stable").tolist()
        for one, two in pairwise(order):
            room = float(column[two] - column[one])
            if room > 0:
                ends = (min(one, two), max(one, two))
                found.setdefault(ends, []).append((objective, room))
    gaps = [
        Gap(ends, tuple(each for each, _ in rooms), sum(room for _, room in rooms))
        for ends, rooms in found.items()
    ]
    return sorted(gaps, key=lambda gap: -gap.width)
