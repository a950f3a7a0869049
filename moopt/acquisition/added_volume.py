"""How much hypervolume each of many known points would add to a front, one at a time."""

import math

import numpy as np
import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Float
from torch import Tensor

from moopt.front.box_decomposition import boxes_of_interest
from moopt.front.hypervolume import hypervolume

EXACT = 2
"""Up to so many objectives the volume is exact; above, boxes are too many for one look."""

EXACT_IN_ALL = 3
"""Up to so many objectives the volume of a whole front is exact."""

DIRECTIONS = 512
"""Along which it is measured otherwise."""


def added_volume(
    points: Float[Tensor, "c m"],
    front: Float[Tensor, "f m"],
    reference_point: Float[Tensor, " m"],
    aspiration_point: Float[Tensor, " m"],
    seed: int,
) -> Float[Tensor, " c"]:
    """Return the hypervolume that each point alone would add, larger is better.

    For one and two objectives it is exact, for more an average over random directions. Beyond an
    aspiration nothing is added, until the front reaches all of them: then more counts again.

    Source: Lacour, Klamroth and Fonseca, "A box decomposition algorithm to compute the hypervolume
    indicator", Computers & Operations Research 79 (2017); Deng and Zhang, "Approximating
    hypervolume and hypervolume contributions using polar coordinate", IEEE Transactions on
    Evolutionary Computation 23 (2019), for the directions.

    Args:
        points: What may be added.
        front: Need not be free of dominated points.
        reference_point: Where volume begins.
        aspiration_point: Where it ends; may be infinite.
        seed: Of the directions.
    """
    if bool((front >= aspiration_point).all(dim=1).any()):
        aspiration_point = torch.full_like(aspiration_point, torch.inf)
    if len(reference_point) <= EXACT:
        return _in_boxes(points, front, reference_point, aspiration_point)
    return _along_directions(points, front, reference_point, aspiration_point, seed)


def dominated_volume(
    values: Float[Tensor, "n m"], reference_point: Float[Tensor, " m"], seed: int
) -> float:
    """Return the hypervolume of points, larger is better.

    It is exact up to three objectives, above an average over random directions.

    Args:
        values: Points, dominated ones too.
        reference_point: Where volume begins.
        seed: Of the directions.
    """
    above = values[(values > reference_point).all(dim=1)]
    dimension = len(reference_point)
    if dimension <= EXACT_IN_ALL or len(above) == 0:
        return hypervolume(above.numpy(), reference_point.numpy())
    unit = _directions(dimension, seed)
    scale = above.amax(dim=0) - reference_point
    reached = ((above - reference_point) / scale)[:, None].div(unit).amin(dim=2).amax(dim=0)
    return float((reached**dimension).mean() * _ball(dimension) * scale.prod())


def lead(
    points: Float[Tensor, "c m"],
    front: Float[Tensor, "f m"],
    reference_point: Float[Tensor, " m"],
) -> Float[Tensor, " c"]:
    """Return by how much each point is ahead of the front and of the reference point.

    It is the least over the front of the largest lead in an objective, in units of the spread of
    the points, and at most the smallest distance from the reference: above zero where a point adds
    volume, and else a measure of how little is missing.

    Source: Zitzler, Thiele, Laumanns, Fonseca and Grunert da Fonseca, "Performance assessment of
    multiobjective optimizers: an analysis and review", IEEE Transactions on Evolutionary
    Computation 7 (2003), for the additive epsilon.
    """
    scale = points.std(dim=0, correction=0).clamp_min(1e-12)
    ahead = ((points - reference_point) / scale).min(dim=1).values
    if len(front):
        leads = ((points[:, None] - front) / scale).max(dim=2).values.min(dim=1).values
        ahead = torch.minimum(ahead, leads)
    return ahead


def _in_boxes(
    points: Float[Tensor, "c m"],
    front: Float[Tensor, "f m"],
    reference_point: Float[Tensor, " m"],
    aspiration_point: Float[Tensor, " m"],
) -> Float[Tensor, " c"]:
    lower, upper = (
        torch.from_numpy(np.ascontiguousarray(each))
        for each in boxes_of_interest(
            front.numpy(), reference_point.numpy(), aspiration_point.numpy()
        )
    )
    sides = torch.minimum(points[:, None], upper) - lower
    return sides.clamp_min(0.0).prod(dim=2).sum(dim=1)


def _along_directions(
    points: Float[Tensor, "c m"],
    front: Float[Tensor, "f m"],
    reference_point: Float[Tensor, " m"],
    aspiration_point: Float[Tensor, " m"],
    seed: int,
) -> Float[Tensor, " c"]:
    dimension = len(reference_point)
    unit = _directions(dimension, seed)
    # Lengths in objectives of different units: directions are spread evenly over their ranges.
    scale = _ranges(points, front, reference_point)

    def reach(values: Tensor) -> Tensor:
        ahead = (torch.minimum(values, aspiration_point) - reference_point) / scale
        return (ahead[:, None] / unit).amin(dim=2).clamp_min(0.0)

    reached = reach(front).amax(dim=0) if len(front) else torch.zeros(DIRECTIONS).to(points)
    gained = (reach(points) ** dimension - reached**dimension).clamp_min(0.0)
    return gained.mean(dim=1) * _ball(dimension) * scale.prod()


def _directions(dimension: int, seed: int) -> Float[Tensor, "s m"]:
    """Return directions of length one, spread evenly, all positive."""
    normals = draw_sobol_normal_samples(
        dimension, DIRECTIONS, dtype=torch.float64, seed=seed % 2**31
    ).abs()
    unit: Tensor = normals / normals.norm(dim=1, keepdim=True)
    return unit.clamp_min(1e-3)


def _ball(dimension: int) -> float:
    """Return the volume of the positive part of the unit ball.

    Times the mean of lengths to the power of the dimension, it is the volume they span.
    """
    ball = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
    return float(ball / 2**dimension)


def _ranges(
    points: Float[Tensor, "c m"],
    front: Float[Tensor, "f m"],
    reference_point: Float[Tensor, " m"],
) -> Float[Tensor, " m"]:
    best = (front if len(front) else points).amax(dim=0)
    farthest: Tensor = best - reference_point
    return torch.where(farthest > 0, farthest, torch.ones_like(farthest))
