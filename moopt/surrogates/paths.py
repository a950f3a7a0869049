"""Functions that an outcome may be: drawn at the points that matter, uncertain elsewhere.

A path is the process given what was measured and, on top, one joint draw of the function at some
points. Between these its mean and deviation are known in closed form; the deviation is the same for
all paths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx

from moopt.surrogates.derivative_kernels import value_rows
from moopt.surrogates.gaussian_process import GaussianProcess, safe_factor
from moopt.surrogates.kernels import Gram

KNOWN = 1e-6
"""Variance of a value that was drawn: none, but for floating point."""

SMALLEST = 1e-9
"""Of a variance."""


@runtime_checkable
class Paths(Protocol):
    """Mean and standard deviation of `s` functions at points, in the measured unit.

    Differentiable by the points. The second array may have one column for all functions.
    """

    def __call__(
        self, points: Float[Tensor, "r d"]
    ) -> tuple[Float[Tensor, "r s"], Float[Tensor, "r s_or_1"]]:
        """Return means and deviations."""
        ...


@dataclass(frozen=True, slots=True)
class GaussianPaths:
    """Paths of a Gaussian process."""

    process: GaussianProcess
    features: Float[Tensor, "z f"]
    """Of all points on which the paths are conditioned."""

    weights: Float[Tensor, "z s"]
    """Of the kernel at these points, in the mean of each path."""

    whitening: Float[Tensor, "z z"]
    """Inverse of the Cholesky factor of the covariance at these points."""

    def __call__(
        self, points: Float[Tensor, "r d"]
    ) -> tuple[Float[Tensor, "r s"], Float[Tensor, "r s_or_1"]]:
        """Return means and deviations, differentiable by the points."""
        here = self.process.features.of_points(points)
        means, deviations = cast("_Apply", _Conditioned.apply)(here, self)
        if not self.process.transform.is_identity:
            deviations = deviations.expand_as(means)
        return self.process.moments(means, deviations)


def paths_through(
    process: GaussianProcess, points: Float[Tensor, "q d"], drawn: Float[Tensor, "s q"]
) -> GaussianPaths:
    """Return the paths that have drawn standardized values at points.

    What was measured at these points says nothing more; what was measured elsewhere still does.
    """
    rows, first = _distinct(points)
    seen = process.likelihood.observations.points
    elsewhere = ~(seen[:, None, :] == rows[None]).all(dim=2).any(dim=1)
    fresh = process.features.of_points(rows)
    known = process.likelihood.features[elsewhere]
    features = torch.cat([known, value_rows(fresh, known.shape[1])])
    noise = torch.cat(
        [process.likelihood.noise(process.theta)[elsewhere], fresh.new_full((len(rows),), KNOWN)]
    )
    covariance = process.kernel.gram(features, features, process.kernel_theta).matrix
    factor = safe_factor(covariance + noise.diag())
    identity = torch.eye(len(features)).to(factor)
    whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
    measured = process.likelihood.residual(process.theta)[elsewhere].expand(len(drawn), -1)
    values = torch.cat([measured, drawn[:, first] - process.constant], dim=1)
    weights = whitening.mT @ (whitening @ values.mT)
    return GaussianPaths(process, features, weights, whitening)


_Apply = Callable[[Tensor, GaussianPaths], tuple[Tensor, Tensor]]


class _Context(FunctionCtx):
    saved: tuple[Tensor, GaussianPaths, Gram, Tensor, Tensor]


class _Conditioned(torch.autograd.Function):
    """Standardized means and deviation of paths, with the gradient by features in closed form."""

    @staticmethod
    def forward(ctx: FunctionCtx, here: Tensor, paths: GaussianPaths) -> tuple[Tensor, Tensor]:
        process = paths.process
        gram = process.kernel.gram(here, paths.features, process.kernel_theta)
        cross = gram.matrix
        whitened = cross @ paths.whitening.mT
        prior = process.kernel.diagonal(here, process.kernel_theta)
        variance = (prior - whitened.square().sum(dim=1)).clamp_min(SMALLEST)
        deviation = variance.sqrt()[:, None]
        if here.requires_grad:
            cast("_Context", ctx).saved = (here, paths, gram, whitened, deviation)
        return process.constant + cross @ paths.weights, deviation

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[Tensor, None]:
        here, paths, gram, whitened, deviation = cast("_Context", ctx).saved
        by_means, by_deviation = slopes
        by_variance = by_deviation / (2.0 * deviation)
        by_cross = by_means @ paths.weights.mT - 2.0 * by_variance * (whitened @ paths.whitening)
        prior_slope = paths.process.kernel.diagonal_slope(here, paths.process.kernel_theta)
        return gram.by_input(by_cross) + by_variance * prior_slope, None


def _distinct(points: Float[Tensor, "q d"]) -> tuple[Tensor, Tensor]:
    """Return the different rows and where each is first."""
    same = (points[:, None, :] == points[None]).all(dim=2)
    repeated = same.tril(diagonal=-1).any(dim=1)
    index = (~repeated).nonzero()[:, 0]
    return points[index], index
