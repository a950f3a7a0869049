"""A kernel for unordered choices, beside numbers: by how many of them differ."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.surrogates.kernels import Stationary, StationaryGram, log_normal

CLOSER = math.sqrt(3.0)
"""How much shorter the lengthscale of a choice is where it stands alone and has to explain more."""

LENGTHSCALE_VARIANCE = 0.25
"""Of the log lengthscale of a choice, a priori; the mode of lengthscales is one up to `FEW`."""

FEW = 6
"""Beyond so many, lengthscales grow with the root of the number of choices."""


@dataclass(frozen=True, slots=True)
class ChoicesGram:
    """Of a product over choices and numbers, and of the mean over each of them."""

    kernel: "Choices"
    product: StationaryGram
    """Over the choices."""

    numbers: tuple["_Some", StationaryGram] | None
    parts: tuple[StationaryGram, ...]
    """Of each choice alone."""

    share: Tensor

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The mixture of both."""
        return (1.0 - self.share) * self._whole() + self.share * self._mean()

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        layout, apart = self.kernel, self.share / self._terms
        gradient = weights.new_zeros(layout.group_count + 1)
        for some, gram in zip(layout.parts, self.parts, strict=True):
            gradient[some.groups] += apart * gram.by_theta(weights)
        together = (1.0 - self.share) * weights
        if self.numbers is not None:
            some, gram = self.numbers
            pull = together * self.product.matrix + apart * weights
            gradient[some.groups] += gram.by_theta(pull)
            together = together * gram.matrix
        gradient[layout.choices.groups] += self.product.by_theta(together)
        slope = self.share * (1.0 - self.share)
        gradient[-1] = slope * (weights * (self._mean() - self._whole())).sum()
        return gradient

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        layout, apart = self.kernel, self.share / self._terms
        gradient = weights.new_zeros(len(weights), len(layout.groups))
        for some, gram in zip(layout.parts, self.parts, strict=True):
            gradient[:, some.features] += apart * gram.by_input(weights)
        together = (1.0 - self.share) * weights
        if self.numbers is not None:
            some, gram = self.numbers
            pull = together * self.product.matrix + apart * weights
            gradient[:, some.features] += gram.by_input(pull)
            together = together * gram.matrix
        gradient[:, layout.choices.features] += self.product.by_input(together)
        return gradient

    @property
    def _terms(self) -> int:
        return len(self.parts) + (self.numbers is not None)

    def _whole(self) -> Tensor:
        return self.product.matrix * (1.0 if self.numbers is None else self.numbers[1].matrix)

    def _mean(self) -> Tensor:
        terms = [part.matrix for part in self.parts]
        terms += [] if self.numbers is None else [self.numbers[1].matrix]
        return torch.stack(terms).mean(dim=0)


@dataclass(frozen=True, slots=True)
class _Some:
    """Some groups of features, with a kernel over them alone."""

    groups: Int[Tensor, " g"]
    features: Int[Tensor, " f"]
    kernel: Stationary

    @classmethod
    def of(cls, every: Int[Tensor, " f"], groups: Int[Tensor, " g"], *, rough: bool) -> "_Some":
        features = torch.isin(every, groups).nonzero()[:, 0]
        renumbered = torch.searchsorted(groups, every[features])
        return cls(groups, features, Stationary(renumbered, rough=rough))

    def gram(self, left: Tensor, right: Tensor, scales: Tensor) -> StationaryGram:
        at = self.features
        return self.kernel.gram(left[..., at], right[..., at], scales[self.groups])


@dataclass(frozen=True, slots=True)
class Choices:
    """A product over choices and numbers, mixed with the mean of what each does alone.

    The product falls exponentially with the number of choices that differ, each with a weight of
    its own. What a choice does is in part the same whatever the others are: the mean learns that
    from few trials, the product learns what is left. Numbers count by a Matérn-5/2 kernel, as one
    factor and as one term.

    Source: Wan, Nguyen, Ha, Ru, Lu and Osborne, "Think global and act local: Bayesian optimisation
    over high-dimensional categorical and mixed search spaces", ICML (2021); Ru, Alvi, Nguyen,
    Osborne and Roberts, "Bayesian optimisation over multiple continuous and categorical inputs",
    ICML (2020).
    """

    groups: Int[Tensor, " f"]
    """The group of each feature; the features of a choice are its columns."""

    choices: _Some
    numbers: _Some | None
    parts: tuple[_Some, ...]
    """Each choice alone."""

    @classmethod
    def of(cls, groups: Int[Tensor, " f"], categorical: tuple[int, ...]) -> "Choices":
        """Lay out features of which some groups are choices.

        Args:
            groups: The group of each feature, counted from 0.
            categorical: At least one group.
        """
        chosen = torch.tensor(categorical)
        rest = torch.tensor([g for g in range(int(groups.max()) + 1) if g not in categorical])
        return cls(
            groups,
            _Some.of(groups, chosen, rough=False),
            _Some.of(groups, rest, rough=True) if len(rest) else None,
            tuple(_Some.of(groups, group[None], rough=False) for group in chosen),
        )

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return "differing choices plus sums"

    @property
    def group_count(self) -> int:
        """Number of lengthscales."""
        return int(self.groups.max()) + 1

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return the mode of the prior, half product and half mean."""
        start = torch.zeros(self.group_count + 1, dtype=torch.float64)
        start[self.choices.groups] = self._location - LENGTHSCALE_VARIANCE
        if self.numbers is not None:
            start[self.numbers.groups] = self.numbers.kernel.start
        return start

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the log lengthscales, and of the logit of the share of the mean."""
        return [*Stationary(self.groups, rough=True).bounds, (-6.0, 6.0)]

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior, logistic in the last, and its gradient."""
        share, gradient = theta[-1].sigmoid(), torch.zeros_like(theta)
        value = share.log() + (1.0 - share).log()
        gradient[-1] = 1.0 - 2.0 * share
        some = self.choices.groups
        more, gradient[some] = log_normal(theta[some], self._location, LENGTHSCALE_VARIANCE)
        value = value + more
        if self.numbers is not None:
            some = self.numbers.groups
            more, gradient[some] = self.numbers.kernel.log_prior(theta[some])
            value = value + more
        return value, gradient

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> ChoicesGram:
        """Return the kernel between two sets of features."""
        scales = theta[:-1]
        closer = scales - math.log(CLOSER)
        parts = tuple(part.gram(left, right, closer) for part in self.parts)
        some = self.numbers
        numbers = None if some is None else (some, some.gram(left, right, scales))
        product = self.choices.gram(left, right, scales)
        return ChoicesGram(self, product, numbers, parts, theta[-1].sigmoid())

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return ones: the kernel has unit variance."""
        return left.new_ones(len(left)).to(theta)

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return zeros: the variance is the same everywhere."""
        return torch.zeros_like(left).to(theta)

    @property
    def _location(self) -> float:
        growth = 0.5 * math.log(max(len(self.parts) / FEW, 1.0))
        return LENGTHSCALE_VARIANCE + growth
