"""Kernels made of kernels: sums over groups of features, and quadratic surfaces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.surrogates.kernels import Stationary, StationaryGram, log_normal


@dataclass(frozen=True, slots=True)
class AdditiveGram:
    """Of a kernel over all groups and the mean of kernels over some of them each."""

    whole: StationaryGram
    parts: tuple[tuple[Tensor, Tensor, StationaryGram], ...]
    """Features, groups and gram of each part."""

    share: Tensor

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The mixture of both."""
        return (1.0 - self.share) * self.whole.matrix + self.share * self._mean()

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        gradient = (1.0 - self.share) * self.whole.by_theta(weights)
        for _, groups, gram in self.parts:
            gradient[groups] += self.share / len(self.parts) * gram.by_theta(weights)
        slope = self.share * (1.0 - self.share)
        by_share = slope * (weights * (self._mean() - self.whole.matrix)).sum()
        return torch.cat([gradient, by_share[None]])

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        gradient = (1.0 - self.share) * self.whole.by_input(weights)
        for features, _, gram in self.parts:
            gradient[:, features] += self.share / len(self.parts) * gram.by_input(weights)
        return gradient

    def _mean(self) -> Tensor:
        return torch.stack([gram.matrix for _, _, gram in self.parts]).mean(dim=0)


@dataclass(frozen=True, slots=True)
class Additive:
    """A kernel of all features, mixed with the mean of kernels of some of them each.

    What a categorical parameter does is in part the same whatever the others are: the sum learns
    that from few trials, the product learns what is left.

    Source: Ru, Alvi, Nguyen, Osborne and Roberts, "Bayesian optimisation over multiple continuous
    and categorical inputs", ICML (2020).
    """

    whole: Stationary
    parts: tuple[tuple[Int[Tensor, " _"], Int[Tensor, " _"], Stationary], ...]
    """Features, groups and kernel of each part."""

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return f"{self.whole.name} plus sums"

    @classmethod
    def of(cls, whole: Stationary, members: Sequence[Sequence[int]]) -> "Additive":
        """Split a kernel into parts, each with some of its groups."""
        parts = []
        for groups in members:
            chosen = torch.tensor(list(groups))
            features = torch.isin(whole.groups, chosen).nonzero()[:, 0]
            renumbered = torch.searchsorted(chosen, whole.groups[features])
            parts.append((features, chosen, Stationary(renumbered, rough=whole.rough)))
        return cls(whole, tuple(parts))

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return the start of the whole, half and half."""
        return torch.cat([self.whole.start, torch.zeros(1, dtype=torch.float64)])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the log lengthscales, and of the logit of the share of the sum."""
        return [*self.whole.bounds, (-6.0, 6.0)]

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior, logistic in the last, and its gradient."""
        value, gradient = self.whole.log_prior(theta[:-1])
        share = theta[-1].sigmoid()
        value = value + share.log() + (1.0 - share).log()
        return value, torch.cat([gradient, (1.0 - 2.0 * share)[None]])

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> AdditiveGram:
        """Return the kernel between two sets of features."""
        scales, share = theta[:-1], theta[-1].sigmoid()
        return AdditiveGram(
            self.whole.gram(left, right, scales),
            tuple(
                (some, groups, kernel.gram(left[..., some], right[..., some], scales[groups]))
                for some, groups, kernel in self.parts
            ),
            share,
        )

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return ones: the kernel has unit variance."""
        return self.whole.diagonal(left, theta)

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return zeros: the variance is the same everywhere."""
        return self.whole.diagonal_slope(left, theta)


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
