"""A kernel for many dimensions of which few matter."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.surrogates.kernels import Stationary, StationaryGram

SHRINKAGE = 0.1
"""Scale of the half-Cauchy distribution of how much a dimension matters."""

TERMS = 4


@dataclass(frozen=True, slots=True)
class SparseAxesGram:
    """Of the mean of kernels with lengthscales of their own."""

    terms: tuple[StationaryGram, ...]

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The mean of the terms."""
        return torch.stack([term.matrix for term in self.terms]).mean(dim=0)

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        return torch.cat([term.by_theta(weights) for term in self.terms]) / len(self.terms)

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        return torch.stack([term.by_input(weights) for term in self.terms]).mean(dim=0)


@dataclass(frozen=True, slots=True)
class SparseAxes:
    """The mean of Matérn-5/2 kernels, each sparse to a degree of its own.

    How much a dimension matters, its inverse squared lengthscale, is half-Cauchy a priori: most
    dimensions hardly do, those that the measurements speak for do at no cost. The scale of that
    prior is not chosen: each term has another one, as in BoTorch's `AdditiveMapSaasSingleTaskGP`.

    Source: Eriksson and Jankowiak, "High-dimensional Bayesian optimization with sparse axis-aligned
    subspaces", UAI (2021).
    """

    term: Stationary
    scales: tuple[float, ...]
    """Of the half-Cauchy prior, by term."""

    @classmethod
    def of(cls, groups: Int[Tensor, " f"]) -> "SparseAxes":
        """Spread the scales over their own half-Cauchy distribution."""
        shares = [(2 * term + 1) / (2 * TERMS) for term in range(TERMS)]
        scales = tuple(SHRINKAGE * math.tan(0.5 * math.pi * share) for share in shares)
        return cls(Stationary(groups, rough=True), scales)

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return "sparse axes"

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return for each term the lengthscales at which a dimension matters as much as its scale.

        At the mode of the prior itself nothing matters, and there is no slope to follow.
        """
        logs = [torch.full((self.term.count,), -0.5 * math.log(scale)) for scale in self.scales]
        return torch.cat(logs).double()

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the log lengthscales, term by term."""
        return self.term.bounds * len(self.scales)

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of half-Cauchy inverse squared lengthscales and its gradient."""
        scales = theta.new_tensor(self.scales).repeat_interleave(self.term.count)
        squares = ((-2.0 * theta).exp() / scales).square()
        return -squares.log1p().sum(), 4.0 * squares / (1.0 + squares)

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> SparseAxesGram:
        """Return the kernel between two sets of features."""
        parts = theta.split(self.term.count)
        return SparseAxesGram(tuple(self.term.gram(left, right, part) for part in parts))

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return ones: the kernel has unit variance."""
        return self.term.diagonal(left, theta)

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return zeros: the variance is the same everywhere."""
        return self.term.diagonal_slope(left, theta)
