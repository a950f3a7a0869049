"""A Gaussian process over choices that is a sum of effects of one, two and three of them.

Two configurations are as alike as the choices that they share: alone, in pairs and in triples.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from torch import Tensor

ORDERS = 3
"""Most choices whose common effect is learned."""

FEW = 16
"""With more parameters the triples are too many."""

LEARNED_FROM = 300
"""Most observations from which the hyperparameters are learned."""

STEPS = 40
CHUNK = 4_096
"""Configurations that are looked at together: more would take more memory, and no less time."""

SMALLEST = 1e-9
"""Least variance that is left, as a share of that before anything was seen."""

NOISE = 0.05
"""Where the variance of the noise is looked for, as a share of that of the observations."""


@dataclass(frozen=True, slots=True)
class ChoiceModel:
    """A process of mean 0, given observations of variance 1 or so."""

    rows: Int[np.ndarray, "n p"]
    values: Float[np.ndarray, " n"]
    weights: Float[np.ndarray, " p"]
    """How much each parameter counts."""

    shares: Float[np.ndarray, " o"]
    """Variance of the effects of one choice, of two, of three."""

    noise: float
    """Variance of the noise of an observation."""

    @classmethod
    def of(
        cls, rows: Int[np.ndarray, "n p"], values: Float[np.ndarray, " n"], seed: int
    ) -> "ChoiceModel":
        """Learn the hyperparameters, by the posterior density where it is largest.

        Source: Duvenaud, Nickisch and Rasmussen, "Additive Gaussian processes", NeurIPS (2011), for
        sums over all pairs and triples at the price of their power sums.

        Args:
            rows: Configurations.
            values: Standardized.
            seed: Which of the observations are looked at where there are very many.
        """
        count, width = rows.shape
        orders = min(ORDERS if width <= FEW else 2, width)
        few = np.random.default_rng(seed).permutation(count)[:LEARNED_FROM]
        same = torch.from_numpy((rows[few, None] == rows[None, few]).astype(float))
        observed = torch.from_numpy(values[few])

        def loss(theta: Float[np.ndarray, " t"]) -> tuple[float, Float[np.ndarray, " t"]]:
            free = torch.from_numpy(theta).requires_grad_()
            total = _negative_log_posterior(free, same, observed, orders)
            (slope,) = torch.autograd.grad(total, free)
            return total.item(), slope.numpy()

        start = np.zeros(width + orders + 1)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
        weights, shares, noise = _hyperparameters(torch.from_numpy(found), width)
        return cls(rows, values, weights.numpy(), shares.numpy(), float(noise))

    def covariance(
        self, one: Int[np.ndarray, "q p"], two: Int[np.ndarray, "n p"]
    ) -> Float[np.ndarray, "q n"]:
        """Return the covariance of the function between configurations."""
        sums = np.zeros((len(self.shares), len(one), len(two)))
        for column, weight in enumerate(self.weights):
            same = one[:, column, None] == two[None, :, column]
            for order in range(len(sums)):
                sums[order] += weight ** (order + 1) * same
        symmetric = torch.stack(_elementary(list(torch.from_numpy(sums))))
        return np.asarray(np.tensordot(self.shares, symmetric.numpy(), axes=1))

    def with_believed(self, rows: Int[np.ndarray, "q p"]) -> "ChoiceModel":
        """Return the same beliefs once configurations were measured as they are expected to be."""
        if len(rows) == 0:
            return self
        expected, _ = self.marginals(rows)
        known = np.concatenate([self.rows, rows])
        return replace(self, rows=known, values=np.concatenate([self.values, expected]))

    def marginals(
        self, rows: Int[np.ndarray, "q p"]
    ) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
        """Return mean and deviation of the function at configurations, each alone."""
        gram = self.covariance(self.rows, self.rows) + self.noise * np.eye(len(self.rows))
        factor = np.linalg.cholesky(gram)
        white = solve_triangular(factor, self.values, lower=True)
        prior = self.covariance(self.rows[:1], self.rows[:1])[0, 0]
        means, deviations = [], []
        for start in range(0, len(rows), CHUNK):
            cross = self.covariance(self.rows, rows[start : start + CHUNK])
            seen = solve_triangular(factor, cross, lower=True)
            means.append(white @ seen)
            left = prior - np.square(seen).sum(axis=0)
            deviations.append(np.sqrt(np.maximum(left, SMALLEST * prior)))
        if not means:
            return np.empty(0), np.empty(0)
        return np.concatenate(means), np.concatenate(deviations)


def _hyperparameters(theta: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights of mean 1, shares by unit of symmetric sum, and the variance of noise."""
    weights = theta[:width].exp()
    weights = weights / weights.mean()
    orders = len(theta) - width - 1
    powers = [weights.pow(power).sum() for power in range(1, orders + 1)]
    shares = theta[width:-1].exp() / torch.stack(_elementary(powers)) / orders
    return weights, shares, NOISE * theta[-1].exp()


def _negative_log_posterior(theta: Tensor, same: Tensor, values: Tensor, orders: int) -> Tensor:
    width = same.shape[2]
    weights, shares, noise = _hyperparameters(theta, width)
    powers = [same @ weights.pow(power) for power in range(1, orders + 1)]
    covariance = torch.stack(_elementary(powers), dim=-1) @ shares
    factor = torch.linalg.cholesky(covariance + (noise + 1e-6) * torch.eye(len(values)).to(same))
    white = torch.linalg.solve_triangular(factor, values[:, None], upper=False)
    fit = 0.5 * white.square().sum() + factor.diagonal().log().sum()
    # Each logarithm is normal around where the search for it begins.
    total: Tensor = fit + 0.5 * theta.square().sum()
    return total


def _elementary(powers: list[Tensor]) -> list[Tensor]:
    """Return elementary symmetric polynomials of order 1, 2, ... from power sums (Newton)."""
    found = [torch.ones_like(powers[0])]
    for order in range(1, len(powers) + 1):
        terms = [
            (-1.0) ** (place - 1) * found[order - place] * powers[place - 1]
            for place in range(1, order + 1)
        ]
        found.append(torch.stack(terms).sum(dim=0) / order)
    return found[1:]
