"""A kernel for choices that several parameters share: by which of them are like each other."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.surrogates.choice_kernels import Choices
from moopt.surrogates.kernels import Gram

PLACES = 2
"""Dimensions in which choices that several parameters share have a place."""

PLACE_VARIANCE = 0.5
OWN = 0.15
"""Squared distance between two different choices wherever their places are."""


@dataclass(frozen=True, slots=True)
class SharedGram:
    """Of a kernel of features in which choices have places."""

    inner: Gram
    left: Float[Tensor, "*#batch n f"]
    """Without places."""

    layout: "Shared"
    into_places: Float[Tensor, "f z"]

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The kernel between the placed features."""
        return self.inner.matrix

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        # Both sides of the matrix are the same features and move with the places.
        by_map = 2.0 * self.left.mT @ self.inner.by_input(weights)
        by_places = [
            math.sqrt(2.0)
            * torch.stack([by_map[rows][:, columns] for rows, columns in alike])
            .sum(dim=0)
            .flatten()
            for alike in self.layout.alike
        ]
        return torch.cat([*by_places, self.inner.by_theta(weights)])

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        return self.inner.by_input(weights) @ self.into_places.mT


@dataclass(frozen=True, slots=True)
class Shared:
    """`Choices` of parameters that share their choices, each of which has a place in the plane.

    Which choices are like each other is learned once for all of these parameters, as for the
    operations on the edges of a cell: the nearer two places, the less it matters which is chosen.

    Source: Zhang, Tao, Chen and Apley, "A latent variable approach to Gaussian process modeling
    with qualitative and quantitative factors", Technometrics 62 (2020).
    """

    inner: Choices
    fixed: Float[Tensor, "f z"]
    """What of the map from features to placed features does not depend on the places."""

    alike: tuple[tuple[tuple[Int[Tensor, " k"], Int[Tensor, " 2"]], ...], ...]
    """Features of each parameter, and the columns of its places, for all that share choices."""

    @classmethod
    def of(
        cls,
        groups: Int[Tensor, " f"],
        categorical: tuple[int, ...],
        alike: tuple[tuple[int, ...], ...],
    ) -> "Shared":
        """Lay out features.

        Args:
            groups: The group of each feature, counted from 0.
            categorical: The groups that are choices.
            alike: Groups that share their choices, in equal order; at least one such class.
        """
        shares = {group for each in alike for group in each}
        rows = [(groups == group).nonzero()[:, 0] for group in range(int(groups.max()) + 1)]
        widths = [len(row) + PLACES * (group in shares) for group, row in enumerate(rows)]
        starts = [sum(widths[:group]) for group in range(len(rows))]
        fixed = torch.zeros(len(groups), sum(widths), dtype=torch.float64)
        for group, row in enumerate(rows):
            columns = starts[group] + PLACES * (group in shares) + torch.arange(len(row))
            fixed[row, columns] = math.sqrt(OWN) if group in shares else 1.0
        placed = torch.arange(len(rows)).repeat_interleave(torch.tensor(widths))
        return cls(
            Choices.of(placed, categorical),
            fixed,
            tuple(
                tuple((rows[group], starts[group] + torch.arange(PLACES)) for group in each)
                for each in alike
            ),
        )

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return "shared choices plus sums"

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return the start of the inner kernel, with choices in arbitrary places.

        Where all have the same place there is no slope to follow.
        """
        generator = torch.Generator().manual_seed(0)
        places = torch.randn(self._place_count, generator=generator, dtype=torch.float64)
        return torch.cat([0.5 * places, self.inner.start])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the places, and of the hyperparameters of the inner kernel."""
        return [(-9.0, 9.0)] * self._place_count + self.inner.bounds

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior, normal in the places, and its gradient."""
        places, rest = theta[: self._place_count], theta[self._place_count :]
        value, gradient = self.inner.log_prior(rest)
        value = value - places.square().sum() / (2.0 * PLACE_VARIANCE)
        return value, torch.cat([-places / PLACE_VARIANCE, gradient])

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> SharedGram:
        """Return the kernel between two sets of features."""
        into_places = self._map(theta)
        rest = theta[self._place_count :]
        inner = self.inner.gram(left @ into_places, right @ into_places, rest)
        return SharedGram(inner, left, self, into_places)

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return ones: the kernel has unit variance."""
        return self.inner.diagonal(left, theta)

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return zeros: the variance is the same everywhere."""
        return self.inner.diagonal_slope(left, theta)

    @property
    def _place_count(self) -> int:
        return sum(PLACES * len(each[0][0]) for each in self.alike)

    def _map(self, theta: Float[Tensor, " p"]) -> Float[Tensor, "f z"]:
        found, at = self.fixed.clone(), 0
        for each in self.alike:
            size = len(each[0][0])
            places = theta[at : at + PLACES * size].reshape(size, PLACES)
            at += PLACES * size
            for rows, columns in each:
                found[rows[:, None], columns[None]] = math.sqrt(2.0) * places
        return found
