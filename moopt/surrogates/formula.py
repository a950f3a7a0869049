"""Objectives in closed form as models without uncertainty: computed, never learned."""

from collections.abc import Callable

import torch
from botorch.models.deterministic import GenericDeterministicModel
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.study.objectives import Objective

STEP = 1e-4
"""Distance in the unit cube over which a slope is taken."""

Rows = Callable[[Tensor], Tensor]


def formula_model(encoding: SpaceEncoding, objective: Objective) -> GenericDeterministicModel:
    """Return the formula as a model of points, larger is better.

    A formula is plain Python, so its gradient is taken by central differences.

    Raises:
        ValueError: The objective has no formula.
    """
    formula = objective.formula
    if formula is None:
        raise ValueError(f"objective {objective.name!r} has no formula")
    sign = objective.direction.sign

    def rows(points: Tensor) -> Tensor:
        flat = points.detach().reshape(-1, points.shape[-1])
        values = [sign * float(formula(encoding.decode(point))) for point in flat]
        return points.new_tensor(values).reshape(*points.shape[:-1], 1)

    def at(points: Tensor) -> Tensor:
        values = rows(points)
        if points.requires_grad:
            # Adds zero, and gives the values the slope that autograd cannot see.
            slopes = _slopes(points.detach(), rows)
            values = values + (slopes * (points - points.detach())).sum(-1, keepdim=True)
        return values

    return GenericDeterministicModel(at, num_outputs=1)


def _slopes(points: Float[Tensor, "*batch d"], rows: Rows) -> Float[Tensor, "*batch d"]:
    width = points.shape[-1]
    shifts = STEP * torch.eye(width, dtype=points.dtype)
    ahead = (points[..., None, :] + shifts).clamp(0, 1)
    behind = (points[..., None, :] - shifts).clamp(0, 1)
    distance = (ahead - behind).sum(-1)
    return (rows(ahead) - rows(behind))[..., 0] / distance
