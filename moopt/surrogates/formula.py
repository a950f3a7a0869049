"""Objectives in closed form: computed, never learned."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from botorch.models.deterministic import GenericDeterministicModel
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.study.objectives import Objective

STEP = 1e-4
"""Distance in the unit cube over which a slope is taken."""

CERTAINTY = 1e-4
"""Deviation of a computed value, as a share of the spread of those so far: acquisition functions
divide by it."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula of points, larger is better."""

    encoding: SpaceEncoding
    compute: Callable[[Float[Tensor, "*batch d"]], Float[Tensor, "*batch 1"]]
    """Differentiable."""

    deviation: float

    @classmethod
    def of(
        cls, encoding: SpaceEncoding, objective: Objective, points: Float[Tensor, "n d"]
    ) -> "Formula":
        """Return the formula of an objective, where some points have been tried.

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

        spread = float(rows(points).std()) if len(points) > 1 else 0.0
        return cls(encoding, at, CERTAINTY * (spread if spread > 0 else 1.0))

    @property
    def description(self) -> str:
        """What it is."""
        return "computed"

    def model(self) -> GenericDeterministicModel:
        """Return the formula as a BoTorch model without uncertainty."""
        return GenericDeterministicModel(self.compute, num_outputs=1)

    def __call__(
        self, points: Float[Tensor, "r d"]
    ) -> tuple[Float[Tensor, "r 1"], Float[Tensor, "r 1"]]:
        """Return values and deviations at points, as one path."""
        values = self.compute(points)
        return values, torch.full_like(values, self.deviation)


def _slopes(
    points: Float[Tensor, "*batch d"], rows: Callable[[Tensor], Tensor]
) -> Float[Tensor, "*batch d"]:
    width = points.shape[-1]
    shifts = STEP * torch.eye(width, dtype=points.dtype)
    ahead = (points[..., None, :] + shifts).clamp(0, 1)
    behind = (points[..., None, :] - shifts).clamp(0, 1)
    distance = (ahead - behind).sum(-1)
    return (rows(ahead) - rows(behind))[..., 0] / distance
