"""A kernel that follows a guide: what other models predict, times a factor, and a rest."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.kernels import Gram, Kernel, log_normal

MEDIANS = (0.7, 1.0)
VARIANCES = (1.0, 1.0)
"""Log-normal priors of the variances of the rest and of the factor of the guide: their medians, and
the variances of their logarithms."""

START = (0.5, 0.5)
"""Both variances where fitting starts."""

BOUNDS = (math.log(1e-4), math.log(20.0))


@dataclass(frozen=True, slots=True)
class GuidedGram:
    """Of a rest and of a guide with an unknown factor."""

    rest: Gram
    left: Float[Tensor, "*#batch n 1"]
    right: Float[Tensor, "*#batch m 1"]
    """What the guide says."""

    variances: Float[Tensor, " 2"]

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The sum of both."""
        rest, guide = self.variances
        matrix: Tensor = rest * self.rest.matrix + guide * (self.left @ self.right.mT)
        return matrix

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        rest, guide = self.variances
        by_rest = rest * (weights * self.rest.matrix).sum()
        by_guide = guide * (self.left.mT @ weights @ self.right).sum()
        return torch.cat([rest * self.rest.by_theta(weights), torch.stack([by_rest, by_guide])])

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        rest, guide = self.variances
        by_guide = guide * (weights @ self.right)
        return torch.cat([rest * self.rest.by_input(weights), by_guide], dim=1)


@dataclass(frozen=True, slots=True)
class Guided:
    """A kernel of all features but the last, and a linear one of the last, which is the guide.

    It is Bayesian regression on what the guide says, with a Gaussian process for what that leaves:
    how much of each there is, is learned, and a guide that says nothing is not listened to. Both
    log variances come last in `theta`.
    """

    rest: Kernel

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return self.rest.name

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return the start of the rest, with as much of the guide."""
        return self.extended(self.rest.start)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the hyperparameters of the rest, and of the log variances."""
        return [*self.rest.bounds, BOUNDS, BOUNDS]

    def extended(self, theta: Float[Tensor, " k"]) -> Float[Tensor, " p"]:
        """Return hyperparameters of the rest with variances to start from."""
        return torch.cat([theta, torch.tensor(START, dtype=torch.float64).log()])

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior of the rest and of log-normal variances."""
        value, gradient = self.rest.log_prior(theta[:-2])
        slopes = []
        for place, (median, variance) in enumerate(zip(MEDIANS, VARIANCES, strict=True)):
            more, slope = log_normal(theta[place - 2], math.log(median), variance)
            value = value + more
            slopes.append(slope)
        return value, torch.cat([gradient, torch.stack(slopes)])

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> GuidedGram:
        """Return the kernel between two sets of features."""
        rest = self.rest.gram(left[..., :-1], right[..., :-1], theta[:-2])
        return GuidedGram(rest, left[..., -1:], right[..., -1:], theta[-2:].exp())

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return the prior variance, which is larger where the guide says more."""
        rest, guide = theta[-2:].exp()
        own = self.rest.diagonal(left[:, :-1], theta[:-2])
        variances: Tensor = rest * own + guide * left[:, -1].square()
        return variances

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return the gradient of the prior variance by features."""
        rest, guide = theta[-2:].exp()
        own = rest * self.rest.diagonal_slope(left[:, :-1], theta[:-2])
        return torch.cat([own, 2.0 * guide * left[:, -1:]], dim=1)
