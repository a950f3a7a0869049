"""Many valid points to choose from at once, more of them where more is to be gained."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.acquisition.maximize import SAME
from moopt.acquisition.starting_rows import rows_around
from moopt.acquisition.thompson import best_in_own_draws
from moopt.encoding.search_box import SearchBox
from moopt.surrogates.outcomes import Outcomes

POOL = 512
"""Points of an even cover, and as many around the front; half of each under linear constraints,
where every point has to be moved to its place."""

CLOSE = 1e-3
"""Distance below which two points may be the same."""

DECIMALS = 8
"""Points that agree in so many digits are one."""

LEADERS = 32
"""Best points of a first look, around which a second one has its points."""


def pool_around_leaders(
    outcomes: Outcomes, box: SearchBox, front: Float[Tensor, "f d"], seed: int
) -> Float[Tensor, "c d"]:
    """Return valid points: an even cover, points around a front, and points around the best.

    The best are those that add most to the front in draws of their own.

    Args:
        outcomes: What is believed.
        box: The space.
        front: Good points; may be none.
        seed: Of points and draws.
    """
    size = POOL // 2 if box.encoding.repair.constraints else POOL
    raw = torch.cat([box.sobol(size, seed=seed), rows_around(box, front, size, seed=seed)])
    first = box.to_points(box.within(raw))
    leaders = first[best_in_own_draws(outcomes, first, LEADERS, seed)]
    rows = rows_around(box, torch.cat([leaders, front]), size, seed=seed + 1)
    second = box.to_points(box.within(rows))
    # Half of what there was stays: the best of another draw may be among it.
    return distinct(torch.cat([leaders, second, first[::2]]))


def distinct(points: Float[Tensor, "n d"]) -> Float[Tensor, "m d"]:
    """Return points without repeats, in an order of their own."""
    if len(points) == 0:
        return points
    _, index = torch.unique(points.round(decimals=DECIMALS), dim=0, return_inverse=True)
    first = torch.full((int(index.max()) + 1,), len(points))
    return points[first.scatter_reduce(0, index, torch.arange(len(points)), "amin")]


def is_near(points: Float[Tensor, "n d"], others: Float[Tensor, "t d"]) -> Bool[Tensor, " n"]:
    """Say which points are the same as one of the others, but for rounding."""
    near = torch.zeros(len(points), dtype=torch.bool)
    if len(points) == 0 or len(others) == 0:
        return near
    # Matrix products are quick and imprecise: only what may be zero is looked at exactly.
    rough = torch.cdist(points, others, compute_mode="use_mm_for_euclid_dist") < CLOSE
    here, there = rough.nonzero(as_tuple=True)
    same = (points[here] - others[there]).abs().amax(dim=1) <= SAME
    near[here[same]] = True
    return near
