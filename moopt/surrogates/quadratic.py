"""Kernels of quadratic surfaces."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.kernels import Stationary, StationaryGram, log_normal

START = (0.3, 0.3, 0.5)
"""Variances of the linear, the quadratic and the stationary term where fitting starts: the corners
of the space promise no more than the rest of it until the measurements say so."""

MEDIANS = (2.2, 2.2, 1.4)
VARIANCE_OF_VARIANCES = (4.0, 4.0, 1.0)
"""Log-normal priors of these variances: their medians, and the variances of their logarithms."""


@dataclass(frozen=True, slots=True)
class QuadraticGram:
    """Of a linear, a quadratic and a stationary term."""

    inner: Float[Tensor, "*#batch n m"]
    left: Float[Tensor, "*#batch n f"]
    right: Float[Tensor, "*#batch m f"]
    """Both from the middle of the cube."""

    residual: StationaryGram
    variances: Float[Tensor, " 3"]

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The sum of the terms."""
        linear, quadratic, residual = self.variances
        inner = self.inner
        matrix: Tensor = (inner * quadratic + linear) * inner + residual * self.residual.matrix
        return matrix

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        terms = [self.inner, self.inner.square(), self.residual.matrix]
        by_variances = self.variances * torch.stack([(weights * term).sum() for term in terms])
        return torch.cat([by_variances, self.variances[2] * self.residual.by_theta(weights)])

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        linear, quadratic, residual = self.variances
        pull = weights * (linear + 2.0 * quadratic * self.inner)
        gradient: Tensor = pull @ self.right + residual * self.residual.by_input(weights)
        return gradient


@dataclass(frozen=True, slots=True)
class Quadratic:
    """Linear, quadratic and a stationary rest: what a metric is near to as models are merged.

    How much there is of each is learned. It is a kernel and not a mean function, so that what few
    trials leave open of the quadratic stays uncertain.

    Source: Li et al., "MAP: low-compute model merging with amortized Pareto fronts via quadratic
    approximation", ICLR (2025), for the quadratic.
    """

    residual: Stationary

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return "quadratic"

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return a start with a little of each term."""
        variances = torch.tensor(START, dtype=torch.float64).log()
        return torch.cat([variances, self.residual.start])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the log variances and the log lengthscales."""
        return [(-9.0, 7.0)] * 3 + self.residual.bounds

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of log-normal variances and lengthscales, and its gradient."""
        value, gradient = self.residual.log_prior(theta[3:])
        gradients = []
        for index, (median, variance) in enumerate(
            zip(MEDIANS, VARIANCE_OF_VARIANCES, strict=True)
        ):
            more, slope = log_normal(theta[index], math.log(median), variance)
            value = value + more
            gradients.append(slope)
        return value, torch.cat([torch.stack(gradients), gradient])

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> QuadraticGram:
        """Return the kernel between two sets of features."""
        centred, against = left - 0.5, right - 0.5
        return QuadraticGram(
            centred @ against.mT,
            centred,
            against,
            self.residual.gram(left, right, theta[3:]),
            theta[:3].exp(),
        )

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return the prior variance, which grows from the middle of the cube."""
        linear, quadratic, residual = theta[:3].exp()
        squares = (left - 0.5).square().sum(dim=1)
        variances: Tensor = linear * squares + quadratic * squares.square() + residual
        return variances

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return the gradient of the prior variance by features."""
        linear, quadratic, _ = theta[:3].exp()
        centred = left - 0.5
        squares = centred.square().sum(dim=1, keepdim=True)
        slope: Tensor = 2.0 * centred * (linear + 2.0 * quadratic * squares)
        return slope
