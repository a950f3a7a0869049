"""Kernels of a function together with its directional derivatives.

A derivative of a Gaussian process is one too, and what both have in common is the derivative of the
kernel:

    Cov(f(x), u·∇f(y)) = u·∇_y k(x, y),    Cov(u·∇f(x), v·∇f(y)) = u·∇_x v·∇_y k(x, y)

Source: Rasmussen and Williams, "Gaussian processes for machine learning", section 9.4 (2006);
Frazier, "A tutorial on Bayesian optimization", arXiv:1807.02811 (2018), section 5.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.kernels import TINY, Gram, Stationary


@dataclass(frozen=True, slots=True)
class DerivativeGram:
    """Of values and directional derivatives."""

    matrix: Float[Tensor, "*#batch n m"]
    kernel: Stationary
    left: Float[Tensor, "*#batch n r"]
    right: Float[Tensor, "*#batch m l"]
    theta: Float[Tensor, " p"]

    def by_theta(self, weights: Float[Tensor, "n n"]) -> Float[Tensor, " p"]:
        """Return the gradient of `sum(weights * matrix)`; weights and matrix are symmetric."""
        with torch.enable_grad():
            theta = self.theta.detach().clone().requires_grad_()
            matrix = _matrix(self.kernel, self.left.detach(), self.right.detach(), theta)
            (gradient,) = torch.autograd.grad((weights.detach() * matrix).sum(), theta)
        return gradient

    def by_input(self, weights: Float[Tensor, "n m"]) -> Float[Tensor, "n r"]:
        """Return the gradient of `sum(weights * matrix)` by the first features."""
        with torch.enable_grad():
            left = self.left.detach().clone().requires_grad_()
            matrix = _matrix(self.kernel, left, self.right.detach(), self.theta.detach())
            (gradient,) = torch.autograd.grad((weights.detach() * matrix).sum(), left)
        return gradient


@dataclass(frozen=True, slots=True)
class WithDerivatives:
    """The kernel of a function and of its directional derivatives.

    Features of a value are those of a point, `f` columns. Rows that may be derivatives have
    `2f + 1`: the point, the share of the value and the direction, of which one is zero.
    """

    inner: Stationary

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return f"{self.inner.name} with gradients"

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Where fitting starts: that of the function."""
        return self.inner.start

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of each hyperparameter."""
        return self.inner.bounds

    def log_prior(self, theta: Float[Tensor, " p"]) -> tuple[Tensor, Float[Tensor, " p"]]:
        """Return the log density of the prior and its gradient."""
        return self.inner.log_prior(theta)

    def gram(
        self, left: Float[Tensor, "*#batch n r"], right: Float[Tensor, "*#batch m l"], theta: Tensor
    ) -> Gram:
        """Return the kernel between two sets of features, each of values or of rows."""
        width = len(self.inner.groups)
        if left.shape[-1] == right.shape[-1] == width:
            return self.inner.gram(left, right, theta)
        matrix = _matrix(self.inner, left, right, theta)
        return DerivativeGram(matrix, self.inner, left, right, theta)

    def diagonal(self, left: Float[Tensor, "n r"], theta: Tensor) -> Float[Tensor, " n"]:
        """Return the prior variance of each row."""
        width = len(self.inner.groups)
        if left.shape[-1] == width:
            return self.inner.diagonal(left, theta)
        steps = left[:, width + 1 :] / theta.exp()[self.inner.groups]
        curvature = 5.0 / 3.0 if self.inner.rough else 1.0
        return left[:, width].square() + curvature * steps.square().sum(dim=1)

    def diagonal_slope(self, left: Float[Tensor, "n r"], theta: Tensor) -> Float[Tensor, "n r"]:
        """Return the gradient of the prior variance of values, which is the same everywhere."""
        return self.inner.diagonal_slope(left, theta)


def value_rows(features: Float[Tensor, "n f"], columns: int) -> Float[Tensor, "n r"]:
    """Return features of values with so many columns as the rows beside them have."""
    width = features.shape[-1]
    if columns == width:
        return features
    share = features.new_ones(len(features), 1)
    return torch.cat([features, share, features.new_zeros(len(features), width)], dim=1)


def derivative_rows(
    features: Float[Tensor, "n f"], directions: Float[Tensor, "n f"]
) -> Float[Tensor, "n r"]:
    """Return rows of derivatives along directions in the space of features."""
    return torch.cat([features, features.new_zeros(len(features), 1), directions], dim=1)


def _matrix(
    kernel: Stationary,
    left: Float[Tensor, "*#batch n r"],
    right: Float[Tensor, "*#batch m l"],
    theta: Tensor,
) -> Float[Tensor, "*#batch n m"]:
    lengthscales = theta.exp()[kernel.groups]
    here, share_here, along_here = _parts(left, lengthscales)
    there, share_there, along_there = _parts(right, lengthscales)
    squares = here.square().sum(-1)[..., :, None] + there.square().sum(-1)[..., None, :]
    value, first, second = _by_squares(squares - 2.0 * (here @ there.mT), rough=kernel.rough)
    away_here = (here * along_here).sum(-1)[..., :, None] - along_here @ there.mT
    away_there = here @ along_there.mT - (there * along_there).sum(-1)[..., None, :]
    matrix = share_here[..., :, None] * share_there[..., None, :] * value
    matrix = matrix + 2.0 * first * away_here * share_there[..., None, :]
    matrix = matrix - 2.0 * first * away_there * share_here[..., :, None]
    both = 2.0 * second * away_here * away_there + first * (along_here @ along_there.mT)
    return matrix - 2.0 * both


def _parts(rows: Tensor, lengthscales: Float[Tensor, " f"]) -> tuple[Tensor, Tensor, Tensor]:
    """Return scaled points, shares of values and scaled directions."""
    width = len(lengthscales)
    points = rows[..., :width] / lengthscales
    if rows.shape[-1] == width:
        return points, torch.ones_like(points[..., 0]), torch.zeros_like(points)
    return points, rows[..., width], rows[..., width + 1 :] / lengthscales


def _by_squares(squares: Tensor, *, rough: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the kernel and its first two derivatives by the squared scaled distance.

    At a distance of zero the slope that autograd gives each of them is zero. So is that of the
    matrix, in which they are multiplied with distances.
    """
    if not rough:
        value = (-0.5 * squares.clamp_min(0.0)).exp()
        return value, -0.5 * value, 0.25 * value
    distance = (5.0 * squares).clamp_min(TINY).sqrt()
    decay = (-distance).exp()
    value = (1.0 + distance + distance.square() / 3.0) * decay
    return value, -(5.0 / 6.0) * (1.0 + distance) * decay, (25.0 / 12.0) * decay
