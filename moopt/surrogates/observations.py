"""Measurements of one outcome as a likelihood needs them: standardized, repeats merged.

A run that diverged says that a place is bad; how bad it says is noise that would drown the rest. So
values far below the others are moved up to the edge of what is credible; nothing is moved down.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

FLOOR = 2e-6
"""Smallest noise variance of one measurement, as a share of the variance of the outcome."""

FENCE = 5.0
"""How many interquartile ranges below the lower quartile a value may lie."""

ENOUGH_TO_FENCE = 8


@dataclass(frozen=True, slots=True)
class Observations:
    """What was observed at `n` distinct points, in units of standard deviations."""

    points: Float[Tensor, "n d"]
    values: Float[Tensor, " n"]
    """Means of repeats."""

    variances: Float[Tensor, " n"]
    """Known noise variance of each value. NaN: learned."""

    repeats: Float[Tensor, " n"]
    """How many measurements a value is the mean of."""

    scatter: float
    """Sum of squares of repeats around their means, where noise is learned."""

    spare: int
    """How many repeats there are beyond the first, where noise is learned."""

    location: float
    scale: float
    """Value `z` stands for `location + scale * z`."""


def observe(
    points: Float[Tensor, "n d"],
    values: Float[Tensor, " n"],
    standard_errors: Float[Tensor, " n"],
    repeats: Float[Tensor, " n"] | None = None,
) -> Observations:
    """Standardize measurements and merge those that were taken at the same point.

    Known standard errors weigh the mean of repeats; unknown ones are told apart from known ones.

    Args:
        points: Rows of the unit cube.
        values: Larger is better.
        standard_errors: Of each value, in its unit. NaN: learned.
        repeats: How many repeats each value is worth where its error is learned. None: one each.
    """
    if repeats is None:
        repeats = torch.ones_like(values)
    values = fenced(values)
    location = float(values.mean())
    spread = float(values.std()) if len(values) > 1 else 0.0
    scale = spread if spread > 1e-9 * max(1.0, abs(location)) else 1.0
    standard = (values - location) / scale
    variances = (standard_errors / scale).square().clamp_min(FLOOR)
    learned = standard_errors.isnan()
    rows = torch.cat([points, learned[:, None].to(points)], dim=1)
    _, index, counts = torch.unique(rows, dim=0, return_inverse=True, return_counts=True)
    if int(counts.max()) == 1:
        return Observations(points, standard, variances, repeats, 0.0, 0, location, scale)
    precision = torch.where(learned, repeats, 1.0 / variances)
    total = standard.new_zeros(len(counts)).index_add_(0, index, precision)
    means = standard.new_zeros(len(counts)).index_add_(0, index, precision * standard) / total
    first = torch.full((len(counts),), len(points)).scatter_reduce_(
        0, index, torch.arange(len(points)), "amin"
    )
    order = first.argsort()
    first = first[order]
    merged = torch.where(learned[first], torch.nan, (1.0 / total)[order])
    scatter = (repeats * (standard - means[index]).square() * learned).sum()
    merged_repeats = standard.new_zeros(len(counts)).index_add_(0, index, repeats)[order]
    return Observations(
        points[first],
        means[order],
        merged,
        merged_repeats,
        float(scatter),
        int(((counts[order] - 1) * learned[first]).sum()),
        location,
        scale,
    )


def fenced(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Move values that are far below the others up to the fence.

    Source: Tukey, "Exploratory data analysis" (1977), for the fence.
    """
    if len(values) < ENOUGH_TO_FENCE:
        return values
    low, high = torch.quantile(values, torch.tensor([0.25, 0.75], dtype=values.dtype)).tolist()
    if not math.isfinite(high - low) or high <= low:
        return values
    return values.clamp_min(low - FENCE * (high - low))
