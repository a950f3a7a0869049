"""A kernel for many dimensions of which some matter much and the others add up."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.surrogates.kernels import Stationary, StationaryGram
from moopt.surrogates.sparse_axes import SparseAxes, SparseAxesGram

MOSTLY_SPARSE = 3.0
"""Logit of the share of the sparse kernel where fitting starts: axes that hardly count cannot be
told apart, so from a small share the axes that matter are not found."""


@dataclass(frozen=True, slots=True)
class DenseAndSparseGram:
    """Of a weighted mean of two kernels."""

    dense: StationaryGram
    sparse: SparseAxesGram
    share: Tensor
    """Of the sparse one."""

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The weighted mean."""
        return (1.0 - self.share) * self.dense.matrix + self.share * self.sparse.matrix

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        slope = self.share * (1.0 - self.share)
        lead = (weights * (self.sparse.matrix - self.dense.matrix)).sum()
        dense = (1.0 - self.share) * self.dense.by_theta(weights)
        return torch.cat([dense, self.share * self.sparse.by_theta(weights), (slope * lead)[None]])

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        dense = (1.0 - self.share) * self.dense.by_input(weights)
        return dense + self.share * self.sparse.by_input(weights)


@dataclass(frozen=True, slots=True)
class DenseAndSparse:
    """A Matérn-5/2 kernel in which every dimension matters a little, mixed with `SparseAxes`.

    As a sum of two functions: one of the few dimensions that matter much by themselves, one of all
    of them, in whatever directions. Which share of the variance is whose is learned.

    Source: Eriksson and Jankowiak, "High-dimensional Bayesian optimization with sparse axis-aligned
    subspaces", UAI (2021); Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization performs
    great in high dimensions", ICML (2024).
    """

    dense: Stationary
    sparse: SparseAxes

    @classmethod
    def of(cls, groups: Int[Tensor, " f"]) -> "DenseAndSparse":
        """Lay out features.

        Args:
            groups: The group of each feature, counted from 0.
        """
        return cls(Stationary(groups, rough=True), SparseAxes.of(groups))

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return "dense and sparse axes"

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return where both kernels start, mostly sparse."""
        logit = self.dense.start.new_tensor([MOSTLY_SPARSE])
        return torch.cat([self.dense.start, self.sparse.start, logit])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the log lengthscales, and of the logit of the share of the sparse kernel."""
        return [*self.dense.bounds, *self.sparse.bounds, (-6.0, 6.0)]

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the priors of both, logistic in the last, and its gradient."""
        dense, sparse, logit = self._parts(theta)
        value, slope = self.dense.log_prior(dense)
        more, further = self.sparse.log_prior(sparse)
        share = logit.sigmoid()
        value = value + more + share.log() + (1.0 - share).log()
        return value, torch.cat([slope, further, (1.0 - 2.0 * share)[None]])

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> DenseAndSparseGram:
        """Return the kernel between two sets of features."""
        dense, sparse, logit = self._parts(theta)
        return DenseAndSparseGram(
            self.dense.gram(left, right, dense),
            self.sparse.gram(left, right, sparse),
            logit.sigmoid(),
        )

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return ones: the kernel has unit variance."""
        return self.dense.diagonal(left, theta)

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return zeros: the variance is the same everywhere."""
        return self.dense.diagonal_slope(left, theta)

    def _parts(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Tensor, Tensor]:
        return theta[: self.dense.count], theta[self.dense.count : -1], theta[-1]
