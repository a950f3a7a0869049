"""Kernels with their derivatives in closed form: by hyperparameters and by inputs.

A kernel is a function of features and of a vector of hyperparameters `theta`, mostly logarithms.
What it returns, a gram, is the matrix together with the two directions in which a scalar function
of that matrix is differentiated.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

LENGTHSCALE_VARIANCE = 3.0
"""Of the logarithm of a lengthscale, a priori."""

SHORTEST, LONGEST = 0.025, 1e3
TINY = 1e-24


@runtime_checkable
class Gram(Protocol):
    """A kernel matrix and what it takes to differentiate it."""

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The kernel between two sets of features."""
        ...

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`; weights and matrix are symmetric."""
        ...

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        ...


@runtime_checkable
class Kernel(Protocol):
    """A covariance function of features."""

    @property
    def name(self) -> str:
        """What it is called in notes."""
        ...

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Where fitting starts: the mode of the prior."""
        ...

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of each hyperparameter."""
        ...

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior and its gradient."""
        ...

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> Gram:
        """Return the kernel between two sets of features."""
        ...

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return the prior variance at features."""
        ...

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return the gradient of the prior variance by features."""
        ...


@dataclass(frozen=True, slots=True)
class StationaryGram:
    """Of a kernel of scaled distances."""

    matrix: Float[Tensor, "*#batch n m"]
    slope: Float[Tensor, "*#batch n m"]
    """Minus twice the derivative by the squared distance."""

    left: Float[Tensor, "*#batch n f"]
    right: Float[Tensor, "*#batch m f"]
    """Both divided by the lengthscales."""

    lengthscales: Float[Tensor, " f"]
    groups: Int[Tensor, " f"]
    count: int

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " g"]:
        """Return the gradient of `sum(weights * matrix)` by the log lengthscales."""
        pull = weights * self.slope
        sums = pull.sum(dim=1, keepdim=True) * self.left - pull @ self.left
        by_feature = 2.0 * (self.left * sums).sum(dim=0)
        return by_feature.new_zeros(self.count).index_add_(0, self.groups, by_feature)

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        pull = weights * self.slope
        return (pull @ self.right - pull.sum(dim=1, keepdim=True) * self.left) / self.lengthscales


@dataclass(frozen=True, slots=True)
class Stationary:
    """Matérn-5/2 or squared-exponential kernel with a lengthscale per group, of variance one.

    The prior grows with the number of groups, so that what is likely a priori is equally smooth in
    every dimension.

    Source: Rasmussen and Williams, "Gaussian processes for machine learning", chapter 4 (2006);
    Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high dimensions",
    ICML (2024).
    """

    groups: Int[Tensor, " f"]
    rough: bool
    """Matérn-5/2. Otherwise infinitely smooth."""

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return "Matérn-5/2" if self.rough else "squared exponential"

    @property
    def count(self) -> int:
        """Number of hyperparameters, the log lengthscales."""
        return int(self.groups.max()) + 1

    @property
    def location(self) -> float:
        """Mean of a log lengthscale a priori."""
        return math.sqrt(2.0) + 0.5 * math.log(self.count)

    @property
    def start(self) -> Float[Tensor, " g"]:
        """Return the mode of the prior."""
        mode = self.location - LENGTHSCALE_VARIANCE
        return torch.full((self.count,), mode, dtype=torch.float64)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the log lengthscales."""
        return [(math.log(SHORTEST), math.log(LONGEST))] * self.count

    def log_prior(self, theta: Float[Tensor, " g"]) -> tuple[Tensor, Float[Tensor, " g"]]:
        """Return the log density of log-normal lengthscales and its gradient."""
        return log_normal(theta, self.location, LENGTHSCALE_VARIANCE)

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> StationaryGram:
        """Return the kernel between two sets of features."""
        lengthscales = theta.exp()[self.groups]
        left, right = left / lengthscales, right / lengthscales
        squares = left.square().sum(-1)[..., :, None] + right.square().sum(-1)[..., None, :]
        squares = squares - 2.0 * (left @ right.mT)
        if not self.rough:
            matrix = (-0.5 * squares.clamp_min(0.0)).exp()
            return StationaryGram(
                matrix, matrix, left, right, lengthscales, self.groups, self.count
            )
        distance = (5.0 * squares).clamp_min(TINY).sqrt()
        decay = (-distance).exp()
        slope = (5.0 / 3.0) * (1.0 + distance) * decay
        matrix = (1.0 + distance + distance.square() / 3.0) * decay
        return StationaryGram(matrix, slope, left, right, lengthscales, self.groups, self.count)

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return ones: the kernel has unit variance."""
        return left.new_ones(len(left)).to(theta)

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return zeros: the variance is the same everywhere."""
        return torch.zeros_like(left).to(theta)


def log_normal(
    theta: Float[Tensor, "*p"], location: float, variance: float
) -> tuple[Tensor, Float[Tensor, "*p"]]:
    """Return the log density of `exp(theta)`, up to a constant, and its gradient by `theta`."""
    away = theta - location
    return (-away.square() / (2.0 * variance) - theta).sum(), -away / variance - 1.0
