"""Fronts of posterior means that move with one number: what they dominate, and their best value.

Both are differentiable and work on many fronts at once. One objective that moves along straight
lines has its expected best value in closed form; with several, each front is measured after each of
some results.
"""

import math
from dataclasses import dataclass

import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.acquisition.normal_tails import excess_above

SMALLEST = 1e-290
"""Least gain that has a logarithm."""

DIRECTIONS = 64
"""For three objectives and more."""


def log_expected_rise(
    means: Float[Tensor, "r q"], steps: Float[Tensor, "r q"]
) -> Float[Tensor, " r"]:
    """Return the log of by how much the best of `means + steps Z` is expected to rise.

    The best of lines is convex in `Z` and made of some of them; where one takes over from the next,
    at `c`, their steps differ by so much times the expectation of `Z` beyond `c`. What it rises
    above is the best mean of all lines but the last.

    Source: Frazier, Powell and Dayanik, "The knowledge-gradient policy for correlated normal
    beliefs", INFORMS Journal on Computing 21 (2009); Scott, Frazier and Powell, "The correlated
    knowledge gradient for simulation optimization of continuous parameters using Gaussian process
    regression", SIAM Journal on Optimization 21 (2011).

    Args:
        means: Of each candidate's lines, its own line last.
        steps: Likewise.
    """
    count = means.shape[1]
    order = steps.argsort(dim=1)
    means_up, steps_up = means.gather(1, order), steps.gather(1, order)
    kept = _on_top(means_up.detach(), steps_up.detach())
    # Of each line on top: the next one, or itself where there is none.
    places = torch.arange(count).expand_as(kept)
    later = torch.where(kept, places, count)[:, 1:].flip(1).cummin(dim=1).values.flip(1)
    following = torch.nn.functional.pad(later, (0, 1), value=count)
    kept = kept & (following < count)
    following = torch.where(kept, following, places)
    rises = torch.where(kept, steps_up.gather(1, following) - steps_up, 1.0)
    crossings = (means_up - means_up.gather(1, following)) / rises
    excess = excess_above(-crossings.abs())[0]
    total = torch.where(kept, rises * excess, 0.0).sum(dim=1)
    known = means[:, :-1].max(dim=1).values
    total = total + (means[:, -1] - known).clamp_min(0.0)
    return total.clamp_min(SMALLEST).log()


def _on_top(means: Float[Tensor, "r q"], steps: Float[Tensor, "r q"]) -> Bool[Tensor, "r q"]:
    """Say which lines are the highest for some results, of lines by increasing steps."""
    ahead = steps[:, None, :] - steps[:, :, None]
    behind = means[:, :, None] - means[:, None, :]
    order = torch.arange(means.shape[1])
    # Of lines with equal steps the highest counts, and of equal lines the first.
    lost = (ahead == 0) & ((behind < 0) | ((behind == 0) & (order < order[:, None])))
    crossing = behind / torch.where(ahead == 0, 1.0, ahead)
    ends = crossing.where(ahead > 0, torch.inf).min(dim=2).values
    begins = crossing.where(ahead < 0, -torch.inf).max(dim=2).values
    return (begins < ends) & ~lost.any(dim=2)


@dataclass(frozen=True, slots=True)
class Volume:
    """What points dominate above a reference point, on many fronts at once; differentiable.

    With one objective, how far the best is above it; with two, the area, exactly; with more, an
    average over directions of how far one gets before no point lies ahead.

    Source: Deng and Zhang, "Approximating hypervolume and hypervolume contributions using polar
    coordinate", IEEE Transactions on Evolutionary Computation 23 (2019).
    """

    reference_point: Float[Tensor, " m"]
    scales: Float[Tensor, " m"]
    """How far typical points are above the reference: directions are spread in these units."""

    directions: Float[Tensor, "v m"]
    """Of length one, all positive."""

    @classmethod
    def above(
        cls,
        reference_point: Float[Tensor, " m"],
        typical: Float[Tensor, "n m"],
        seed: int,
        directions: int = DIRECTIONS,
    ) -> "Volume":
        """Spread directions.

        Args:
            reference_point: Where volumes begin.
            typical: Points of a front.
            seed: Of the directions.
            directions: How many, for three objectives and more.
        """
        reach = (typical - reference_point).clamp_min(0.0)
        scales = reach.max(dim=0).values if len(reach) else torch.zeros_like(reference_point)
        scales = torch.where(scales > 0, scales, 1.0)
        normals = draw_sobol_normal_samples(
            len(reference_point), directions, dtype=torch.float64, seed=seed % 2**31
        ).abs()
        unit = (normals / normals.norm(dim=1, keepdim=True)).clamp_min(1e-3)
        return cls(reference_point, scales, unit)

    def __call__(self, values: Float[Tensor, "*batch q m"]) -> Float[Tensor, "*batch"]:
        """Return the volume of each set of points; larger is better."""
        above = (values - self.reference_point).clamp_min(0.0)
        objectives = values.shape[-1]
        if objectives == 1:
            return above[..., 0].max(dim=-1).values
        if objectives == 2:
            first, order = above[..., 0].sort(dim=-1, descending=True)
            highest = above[..., 1].gather(-1, order).cummax(dim=-1).values
            widths = first - torch.nn.functional.pad(first[..., 1:], (0, 1))
            return (widths * highest).sum(dim=-1)
        total = torch.zeros_like(above[..., 0, 0])
        for direction in self.directions * self.scales:
            reached = (above / direction).min(dim=-1).values.max(dim=-1).values
            total = total + reached**objectives
        ball = math.pi ** (objectives / 2) / math.gamma(objectives / 2 + 1) / 2**objectives
        volume: Tensor = ball * self.scales.prod() * total / len(self.directions)
        return volume
