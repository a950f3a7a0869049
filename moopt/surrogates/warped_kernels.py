"""Kernels on warped inputs: for outcomes that change much faster near one end of a parameter.

A learning rate that is searched on a linear scale, for example, matters only near zero. The
distribution function of Kumaraswamy stretches such an end of a column and shrinks the rest, so that
one lengthscale suits the whole of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.surrogates.kernels import Gram, Kernel

EDGE = 1e-7
"""How far from 0 and 1 the columns are kept, where a warping may be infinitely steep."""

SHAPE_VARIANCE = 0.25
"""Of the logarithm of each of the two shapes of a warping, a priori."""

SHAPE_BOUNDS = (math.log(0.05), math.log(20.0))

WARPED = "warped_"
"""Before the name of the kernel that is warped."""

FEWEST = 20
FEWEST_PER_COLUMN = 4
"""Measurements from which a warping is considered."""


class Shapes(NamedTuple):
    """The warping of each of `w` columns: `1 - (1 - x^lower)^upper`, the identity at ones."""

    lower: Float[Tensor, " w"]
    """Below one it stretches the low end of a column."""

    upper: Float[Tensor, " w"]
    """Below one it stretches the high end."""


@dataclass(frozen=True, slots=True)
class WarpedGram:
    """Of a kernel of warped features."""

    inner: Gram
    left: Float[Tensor, "*#batch n f"]
    """Not warped."""

    columns: Int[Tensor, " w"]
    shapes: Shapes

    @property
    def matrix(self) -> Float[Tensor, "*#batch n m"]:
        """The kernel between the warped features."""
        return self.inner.matrix

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`."""
        # Both sides of the matrix are the same features and move with the shapes.
        pull = 2.0 * self.inner.by_input(weights)[:, self.columns]
        by_lower, by_upper = shape_slopes(self.left[:, self.columns], self.shapes)
        by_shapes = [(pull * by_lower).sum(dim=0), (pull * by_upper).sum(dim=0)]
        return torch.cat([self.inner.by_theta(weights), *by_shapes])

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n f"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        return _pulled_back(self.inner.by_input(weights), self.left, self.columns, self.shapes)


@dataclass(frozen=True, slots=True)
class Warped:
    """A kernel of features of which some columns, each between 0 and 1, are warped first.

    The shapes of the warpings come last in `theta`, as logarithms: those of the low ends, then
    those of the high ends. A priori the logarithms are normal around the identity. It is their
    density that fitting maximizes, and not that of the shapes, so that it warps nothing without
    a reason: the shapes themselves, log-normal, are most probable below one.

    Source: Snoek, Swersky, Zemel and Adams, "Input warping for Bayesian optimization of
    non-stationary functions", ICML (2014); Schwarz, "Estimating the dimension of a model", Annals
    of Statistics 6 (1978), for the price of a warping.
    """

    inner: Kernel
    columns: Int[Tensor, " w"]

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return f"{self.inner.name} (warped inputs)"

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return the start of the kernel, without warping."""
        return self.extended(self.inner.start)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the hyperparameters of the kernel, and of the log shapes."""
        return [*self.inner.bounds, *[SHAPE_BOUNDS] * (2 * len(self.columns))]

    @property
    def fewest(self) -> int:
        """Return from how many measurements on it may be chosen."""
        return max(FEWEST, FEWEST_PER_COLUMN * len(self.columns))

    def price(self, count: int) -> float:
        """Return by how much it must raise the log posterior of so many measurements.

        Shapes that were fitted to all measurements flatter the prediction of each from the others:
        with two for each column, that alone would choose a warping too often.
        """
        return len(self.columns) * math.log(count)

    def extended(self, theta: Float[Tensor, " k"]) -> Float[Tensor, " p"]:
        """Return hyperparameters of the kernel with those of a warping that changes nothing."""
        return torch.cat([theta, theta.new_zeros(2 * len(self.columns))])

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior, normal in the log shapes, and its gradient."""
        of_kernel, shapes = self._split(theta)
        value, gradient = self.inner.log_prior(of_kernel)
        value = value - shapes.square().sum() / (2.0 * SHAPE_VARIANCE)
        return value, torch.cat([gradient, -shapes / SHAPE_VARIANCE])

    def gram(
        self, left: Float[Tensor, "*#batch n f"], right: Float[Tensor, "*#batch m f"], theta: Tensor
    ) -> WarpedGram:
        """Return the kernel between two sets of features."""
        of_kernel, shapes = self._split(theta)[0], self._shapes(theta)
        here = _warped_columns(left, self.columns, shapes)
        there = here if right is left else _warped_columns(right, self.columns, shapes)
        return WarpedGram(self.inner.gram(here, there, of_kernel), left, self.columns, shapes)

    def diagonal(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return the prior variance at features."""
        warped = _warped_columns(left, self.columns, self._shapes(theta))
        return self.inner.diagonal(warped, self._split(theta)[0])

    def diagonal_slope(self, left: Float[Tensor, "n f"], theta: Tensor) -> Float[Tensor, "n f"]:
        """Return the gradient of the prior variance by features."""
        shapes = self._shapes(theta)
        warped = _warped_columns(left, self.columns, shapes)
        slope = self.inner.diagonal_slope(warped, self._split(theta)[0])
        return _pulled_back(slope, left, self.columns, shapes)

    def _split(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Tensor]:
        count = len(theta) - 2 * len(self.columns)
        return theta[:count], theta[count:]

    def _shapes(self, theta: Float[Tensor, " p"]) -> Shapes:
        return Shapes(*self._split(theta)[1].exp().chunk(2))


def warped_versions(kernels: Mapping[str, Kernel], columns: Sequence[int]) -> dict[str, Kernel]:
    """Return each kernel on warped columns, by name; none if there are no columns to warp."""
    if not columns:
        return {}
    return {
        f"{WARPED}{name}": Warped(kernel, torch.tensor(columns)) for name, kernel in kernels.items()
    }


def warped(points: Float[Tensor, "*batch w"], shapes: Shapes) -> Float[Tensor, "*batch w"]:
    """Return columns between 0 and 1, warped."""
    _, log_rest = _logarithms(points, shapes)
    return -torch.expm1(shapes.upper * log_rest)


def warp_slope(points: Float[Tensor, "*batch w"], shapes: Shapes) -> Float[Tensor, "*batch w"]:
    """Return the derivative of each warped column by the column."""
    log_points, log_rest = _logarithms(points, shapes)
    powers = (shapes.lower - 1.0) * log_points + (shapes.upper - 1.0) * log_rest
    inside = (points >= 0.0) & (points <= 1.0)
    return (1.0 - 2.0 * EDGE) * shapes.lower * shapes.upper * powers.exp() * inside


def shape_slopes(
    points: Float[Tensor, "*batch w"], shapes: Shapes
) -> tuple[Float[Tensor, "*batch w"], Float[Tensor, "*batch w"]]:
    """Return the derivatives of each warped column by the logarithms of its two shapes."""
    log_points, log_rest = _logarithms(points, shapes)
    power = shapes.lower * log_points
    by_lower = shapes.upper * power * (power + (shapes.upper - 1.0) * log_rest).exp()
    exponent = shapes.upper * log_rest
    return by_lower, -exponent * exponent.exp()


def _logarithms(points: Float[Tensor, "*batch w"], shapes: Shapes) -> tuple[Tensor, Tensor]:
    """Return the logarithms of `x`, kept off the edges, and of `1 - x^lower`."""
    kept = (points * (1.0 - 2.0 * EDGE) + EDGE).clamp(EDGE, 1.0 - EDGE)
    log_points = kept.log()
    return log_points, (-torch.expm1(shapes.lower * log_points)).log()


def _warped_columns(
    features: Float[Tensor, "*batch f"], columns: Int[Tensor, " w"], shapes: Shapes
) -> Float[Tensor, "*batch f"]:
    return features.index_copy(-1, columns, warped(features[..., columns], shapes))


def _pulled_back(
    slope: Float[Tensor, "n f"],
    features: Float[Tensor, "n f"],
    columns: Int[Tensor, " w"],
    shapes: Shapes,
) -> Float[Tensor, "n f"]:
    """Return a gradient by warped features as one by the features themselves."""
    factors = warp_slope(features[:, columns], shapes)
    return slope.index_copy(-1, columns, slope[:, columns] * factors)
