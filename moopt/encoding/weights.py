"""Simplex weights: the nearest valid ones, and a box whose every point is valid weights.

The box breaks a stick: each coordinate says where in its feasible interval a weight lies, given the
weights before it; the last weight is what remains. So the sum is one by construction, and every
face of the simplex lies on the box's own boundary.
"""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.study.simplex import TOLERANCE, Simplex

DUST = 1e-12
"""Weights smaller than this are what rounding left of zero."""


def nearest_weights(simplex: Simplex, columns: Sequence[float]) -> list[float]:
    """Return the valid weights nearest to any columns, the largest ones being kept in use."""
    used = usable_parts(simplex, columns)
    bounds = [
        (low, high) if part in used else (0.0, 0.0)
        for part, (low, high) in enumerate(simplex.bounds)
    ]
    return [0.0 if weight < DUST else weight for weight in nearest_within(columns, bounds)]


def nearest_within(columns: Sequence[float], bounds: Sequence[tuple[float, float]]) -> list[float]:
    """Return the weights nearest to any columns that lie within bounds and sum to one."""
    inside = all(low <= column <= high for column, (low, high) in zip(columns, bounds, strict=True))
    if inside and abs(sum(columns) - 1.0) <= TOLERANCE / 2:
        return list(columns)
    # The projection onto a box and a plane clips the columns after one common shift; between two
    # shifts at which some column meets a bound, the sum is a straight line.
    ends = sorted(
        column - bound for column, both in zip(columns, bounds, strict=True) for bound in both
    )
    place = bisect_left(ends, -1.0, key=lambda shift: -sum(_clip(columns, bounds, shift)))
    before, after = ends[max(place - 1, 0)], ends[min(place, len(ends) - 1)]
    largest = sum(_clip(columns, bounds, before))
    drop = largest - sum(_clip(columns, bounds, after))
    share = (largest - 1.0) / drop if drop > 0 else 0.0
    shifted = _clip(columns, bounds, before + share * (after - before))
    return _sum_to_one(shifted, bounds)


def usable_parts(simplex: Simplex, preference: Sequence[float]) -> set[int]:
    """Return the parts that may be in use: as many as allowed, preferred ones first.

    Parts with a positive lower bound are always among them, and together they can reach one.
    """
    bounds = simplex.bounds
    order = sorted(range(len(bounds)), key=lambda part: -preference[part])
    used = {part for part in order if bounds[part][0] > 0}
    free = [part for part in order if part not in used]
    while len(used) < simplex.usable:
        left = simplex.usable - len(used) - 1
        for part in free:
            others = sorted((bounds[other][1] for other in free if other != part), reverse=True)
            reach = sum(bounds[each][1] for each in used) + bounds[part][1] + sum(others[:left])
            if reach >= 1.0 - TOLERANCE:
                used.add(part)
                free.remove(part)
                break
    return used


def sticks_to_weights(
    sticks: Float[Tensor, "*batch sticks"],
    low: Float[Tensor, "*batch parts"],
    high: Float[Tensor, "*batch parts"],
) -> Float[Tensor, "*batch parts"]:
    """Return the weights at a point of the box; differentiable in the sticks."""
    remaining = torch.ones_like(low[..., 0])
    weights = []
    for part in range(sticks.shape[-1]):
        smallest, largest = _interval(part, remaining, low, high)
        weight = smallest + sticks[..., part] * (largest - smallest).clamp_min(0.0)
        weights.append(weight)
        remaining = remaining - weight
    return torch.stack([*weights, remaining], dim=-1)


def weights_to_sticks(
    weights: Float[Tensor, "*batch parts"],
    low: Float[Tensor, "*batch parts"],
    high: Float[Tensor, "*batch parts"],
) -> Float[Tensor, "*batch sticks"]:
    """Return the point of the box at which valid weights lie; the middle where it has no say."""
    remaining = torch.ones_like(low[..., 0])
    sticks = []
    for part in range(weights.shape[-1] - 1):
        smallest, largest = _interval(part, remaining, low, high)
        room = largest - smallest
        share = (weights[..., part] - smallest) / torch.where(room > TOLERANCE, room, 1.0)
        sticks.append(torch.where(room > TOLERANCE, share, 0.5).clamp(0.0, 1.0))
        remaining = remaining - weights[..., part]
    return torch.stack(sticks, dim=-1)


def uniform_sticks(uniform: Float[Tensor, "*batch sticks"]) -> Float[Tensor, "*batch sticks"]:
    """Return sticks whose weights are uniform over the whole simplex, from uniform numbers."""
    left = torch.arange(uniform.shape[-1], 0, -1, dtype=uniform.dtype)
    return 1.0 - (1.0 - uniform) ** (1.0 / left)


def _interval(
    part: int,
    remaining: Float[Tensor, "*batch"],
    low: Float[Tensor, "*batch parts"],
    high: Float[Tensor, "*batch parts"],
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """Return the smallest and largest weight of a part that the parts after it can make up for."""
    smallest = torch.maximum(low[..., part], remaining - high[..., part + 1 :].sum(-1))
    largest = torch.minimum(high[..., part], remaining - low[..., part + 1 :].sum(-1))
    return smallest, largest


def _clip(
    columns: Sequence[float], bounds: Sequence[tuple[float, float]], shift: float
) -> list[float]:
    return [
        min(max(column - shift, low), high)
        for column, (low, high) in zip(columns, bounds, strict=True)
    ]


def _sum_to_one(weights: list[float], bounds: Sequence[tuple[float, float]]) -> list[float]:
    for part in sorted(range(len(weights)), key=lambda each: -weights[each]):
        missing = 1.0 - sum(weights)
        low, high = bounds[part]
        weights[part] = min(max(weights[part] + missing, low), high)
    return weights
