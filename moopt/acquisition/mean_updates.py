"""How what is expected of some points moves with one more measurement elsewhere.

Given a measurement of a function at `x`, the posterior mean at every point moves along one standard
normal number, and the posterior variance shrinks by the square of how far:

    mu'(z) = mu(z) + b(z) Z,    b(z) = Cov(f(z), f(x)) / sqrt(Var(f(x)) + noise)

The points may be the same candidate in several contexts (folds, seeds, workloads): a measurement in
one of them moves what is expected in all.

Source: Frazier, "A tutorial on Bayesian optimization", arXiv:1807.02811 (2018), sections 4 and 5.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.derivative_kernels import value_rows
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess, safe_factor
from moopt.surrogates.outcomes import Surrogate

TINY = 1e-10
"""Smallest variance of what would be measured, standardized."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Posterior of `q` points in `c` contexts, for each of `r` measurements; standardized."""

    means: Float[Tensor, "r q c"]
    steps: Float[Tensor, "r q c"]
    """What a standard normal number is multiplied by, with its sign."""

    variances: Float[Tensor, "r q c"]
    """Before the measurement."""

    surrogate: Surrogate

    def linear(self, weights: Float[Tensor, " c"]) -> tuple[Tensor, Tensor] | None:
        """Return means over contexts as measured, and their steps; None under a transform."""
        means, steps = self.means @ weights, self.steps @ weights
        if isinstance(self.surrogate, Formula):
            return means, steps
        if not self.surrogate.transform.is_identity:
            return None
        known = self.surrogate.likelihood.observations
        return known.location + known.scale * means, known.scale * steps

    def moved(
        self, normals: Float[Tensor, " s"], weights: Float[Tensor, " c"]
    ) -> Float[Tensor, "r s q"]:
        """Return means over contexts as measured, after each result of the measurement."""
        linear = self.linear(weights)
        if isinstance(self.surrogate, Formula) or linear is not None:
            means, steps = linear or (self.means @ weights, self.steps @ weights)
            return means[:, None] + normals[:, None] * steps[:, None]
        means = self.means[:, None] + normals[:, None, None] * self.steps[:, None]
        left = (self.variances - self.steps.square()).clamp_min(TINY).sqrt()
        moved, _ = self.surrogate.moments(means, left[:, None].expand_as(means))
        return moved @ weights


@dataclass(frozen=True, slots=True)
class MeanUpdates:
    """The moves of fixed points, and of each candidate itself, under one Gaussian process.

    Pending trials are believed to give what is expected of them: they take away uncertainty and
    move nothing.

    Source: Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization",
    Computational intelligence in expensive optimization problems (2010), for the belief.
    """

    process: GaussianProcess
    seen: Float[Tensor, "z r"]
    """Features of what was measured and of what is pending."""

    factor: Float[Tensor, "z z"]
    points: Float[Tensor, "p f"]
    """Features of the fixed points in their contexts, one after the other."""

    whitened: Float[Tensor, "z p"]
    means: Float[Tensor, "q c"]
    variances: Float[Tensor, "q c"]
    noise: Float[Tensor, ""]
    """Variance of the measurement."""

    @classmethod
    def of(
        cls,
        process: GaussianProcess,
        points: Float[Tensor, "q c d"],
        pending: Float[Tensor, "p d"],
    ) -> "MeanUpdates":
        """Prepare fixed points.

        Args:
            process: What is believed.
            points: In every context.
            pending: Trials that are running.
        """
        noise = process.likelihood.noise(process.theta)
        usual = process.likelihood.usual_noise(process.theta)
        known = process.likelihood.features
        fresh = value_rows(process.features.of_points(pending), known.shape[1])
        seen = torch.cat([known, fresh])
        noises = torch.cat([noise, usual.expand(len(pending))])
        covariance = process.kernel.gram(seen, seen, process.kernel_theta).matrix
        factor = safe_factor(covariance + noises.diag())
        flat = points.reshape(-1, points.shape[-1])
        features = process.features.of_points(flat)
        whitened = _whitened(process, factor, seen, features)
        prior = process.kernel.diagonal(features, process.kernel_theta)
        variances = (prior - whitened.square().sum(dim=0)).clamp_min(TINY)
        return cls(
            process,
            seen,
            factor,
            features,
            whitened,
            process.means(flat).reshape(points.shape[:2]),
            variances.reshape(points.shape[:2]),
            usual,
        )

    def __call__(
        self, candidates: Float[Tensor, "r d"], everywhere: Float[Tensor, "r c d"]
    ) -> Moves:
        """Return the moves of the fixed points, and last of the candidate; differentiable.

        Args:
            candidates: What would be measured, each in its context.
            everywhere: The same in every context.
        """
        process, theta = self.process, self.process.kernel_theta
        rows, contexts, width = everywhere.shape
        here = process.features.of_points(candidates)
        there = process.features.of_points(everywhere.reshape(-1, width))
        seen_here = _whitened(process, self.factor, self.seen, here)
        seen_there = _whitened(process, self.factor, self.seen, there)
        prior = process.kernel.diagonal(here, theta)
        variance = (prior - seen_here.square().sum(dim=0)).clamp_min(TINY)
        known = process.kernel.gram(here, self.points, theta).matrix - seen_here.mT @ self.whitened
        known = known.reshape(rows, *self.means.shape)
        between = process.kernel.gram(here[:, None], there.reshape(rows, contexts, -1), theta)
        explained = seen_here[:, :, None] * seen_there.reshape(-1, rows, contexts)
        own = between.matrix[:, 0] - explained.sum(dim=0)
        covariances = torch.cat([known, own[:, None]], dim=1)
        own_prior = process.kernel.diagonal(there, theta)
        own_variance = (own_prior - seen_there.square().sum(dim=0)).clamp_min(TINY)
        own_mean = process.means(everywhere.reshape(-1, width)).reshape(rows, 1, contexts)
        return Moves(
            torch.cat([self.means.expand(rows, -1, -1), own_mean], dim=1),
            covariances / (variance + self.noise).sqrt()[:, None, None],
            torch.cat(
                [
                    self.variances.expand(rows, -1, -1),
                    own_variance.reshape(rows, 1, contexts),
                ],
                dim=1,
            ),
            process,
        )


@dataclass(frozen=True, slots=True)
class ComputedUpdates:
    """A formula: it is known everywhere, and no measurement moves it."""

    formula: Formula
    means: Float[Tensor, "q c"]

    @classmethod
    def of(cls, formula: Formula, points: Float[Tensor, "q c d"]) -> "ComputedUpdates":
        """Compute fixed points."""
        return cls(
            formula, formula.compute(points.reshape(-1, points.shape[-1])).reshape(points.shape[:2])
        )

    def __call__(
        self, candidates: Float[Tensor, "r d"], everywhere: Float[Tensor, "r c d"]
    ) -> Moves:
        """Return values that stay as they are; differentiable."""
        rows, width = candidates.shape
        own = self.formula.compute(everywhere.reshape(-1, width)).reshape(rows, 1, -1)
        means = torch.cat([self.means.expand(rows, -1, -1), own], dim=1)
        zeros = torch.zeros_like(means)
        return Moves(means, zeros, zeros, self.formula)


def _whitened(
    process: GaussianProcess,
    factor: Float[Tensor, "z z"],
    seen: Float[Tensor, "z r"],
    features: Float[Tensor, "p f"],
) -> Float[Tensor, "z p"]:
    cross = process.kernel.gram(seen, features, process.kernel_theta).matrix
    whitened: Tensor = torch.linalg.solve_triangular(factor, cross, upper=False)
    return whitened
