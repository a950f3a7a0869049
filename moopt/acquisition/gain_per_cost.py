"""What a brief evaluation is worth, in hypervolume at the highest fidelity, per cost.

A trial at a low fidelity adds nothing to the front: it tells what a whole evaluation would find.
Given its result, the outcomes at the highest fidelity are expected to be what they are expected to
be now, plus something normal whose variance is what the result explains of them. Two questions
follow.

*Where to begin?* (`told`) At the fidelity that explains most of that variance per cost.

*What is a look worth?* (`at`) It goes on to the highest fidelity only where that pays: with `n`
equally likely results and the gain that a whole evaluation would have after each, the best rule
for going on earns

    max over k of  (1/n) sum of the k largest gains / (cost now + k/n * cost of going on).

Source: Picheny, Ginsbourger, Richet and Caplin, "Quantile-based optimization of noisy computer
experiments with tunable precision", Technometrics 55 (2013), for what an observation of another
fidelity explains; Irshad, Karsch and Döpp, "Leveraging trust for joint multi-objective and
multi-fidelity optimization", Machine Learning: Science and Technology 5 (2024), for hypervolume
over cost. The rule for going on is a renewal argument: who repeats it earns that much per cost.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.hypervolume import ExpectedHypervolumeImprovement
from moopt.encoding.fidelities import FidelityEncoding
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Surrogate

RESULTS = 16
"""Results of a short evaluation that are considered."""

LEAST_OPEN = 1e-6
"""Share of a variance that no observation takes away: densities need some width."""

SAME = 1e-9
"""Fidelities that are closer than this are the same."""

TINY = 1e-12
"""Smallest variance, standardized."""

Cost = Callable[[Float[Tensor, "n d"], float, float], Float[Tensor, " n"]]
"""Of taking points of the parameters to a fidelity, after another one (0: none)."""


@dataclass(frozen=True, slots=True)
class GainPerCost:
    """Log rates of hypervolume per cost at the highest fidelity."""

    gain: ExpectedHypervolumeImprovement
    """Of points at the highest fidelity."""

    surrogates: tuple[Surrogate, ...]
    """Of all outcomes, at all fidelities."""

    encoding: FidelityEncoding
    cost: Cost
    normals: Float[Tensor, "n k"]

    @classmethod
    def of(
        cls,
        gain: ExpectedHypervolumeImprovement,
        surrogates: tuple[Surrogate, ...],
        encoding: FidelityEncoding,
        cost: Cost,
        seed: int,
    ) -> "GainPerCost":
        """Draw the results that are considered."""
        normals = draw_sobol_normal_samples(
            len(surrogates), RESULTS, dtype=torch.float64, seed=seed % 2**31
        )
        return cls(gain, surrogates, encoding, cost, normals)

    def whole(self, points: Float[Tensor, "r d"], *, after: float = 0.0) -> Float[Tensor, " r"]:
        """Return the log rate of evaluating points at the highest fidelity; differentiable.

        Args:
            points: Of the parameters.
            after: The fidelity that they have been taken to. 0: none.
        """
        high = self.encoding.fidelity.high
        gain = self.gain(self.encoding.at(points, high)[:, None, :])
        return gain - self.cost(points, high, after).log()

    def told(self, points: Float[Tensor, "r d"], fidelity: float) -> float:
        """Return which share of what is not known of points a look at them tells, over its cost.

        Args:
            points: Of the parameters.
            fidelity: The highest one, too: it tells everything.
        """
        high = self.encoding.fidelity.high
        cost = float(self.cost(points, fidelity, 0.0).mean())
        here, there = self.encoding.at(points, fidelity), self.encoding.at(points, high)
        shares = [
            explained_share(each, here, there).mean()
            for each in self.surrogates
            if isinstance(each, GaussianProcess)
        ]
        return (1.0 if fidelity == high or not shares else float(sum(shares)) / len(shares)) / cost

    def at(
        self, points: Float[Tensor, "r d"], fidelity: float, *, after: float = 0.0
    ) -> Float[Tensor, " r"]:
        """Return the log rate of looking at points at a fidelity first; differentiable.

        Args:
            points: Of the parameters.
            fidelity: Below the highest.
            after: The fidelity that they have been taken to. 0: none.
        """
        here = self.encoding.at(points, fidelity)
        there = self.encoding.at(points, self.encoding.fidelity.high)
        count, rows = len(self.normals), len(points)
        means, deviations = [], []
        for column, (surrogate, path) in enumerate(
            zip(self.surrogates, self.gain.beliefs.paths, strict=True)
        ):
            mean, deviation = path(there)
            share = explained_share(surrogate, here, there).clamp(0.0, 1.0 - LEAST_OPEN)
            # [r, n, s]: what is expected after each result, and what is open then.
            step = self.normals[:, column][None, :, None] * share.sqrt()[:, None, None]
            moved = mean[:, None, :] + step * deviation[:, None, :]
            # What is computed is the same on every front.
            moved = moved.expand(-1, -1, len(self.gain.beliefs.values))
            left = (1.0 - share).sqrt()[:, None, None] * deviation[:, None, :]
            means.append(moved.reshape(rows * count, -1))
            deviations.append(left.expand_as(moved).reshape(rows * count, -1))
        gains = self.gain.of_normal(means, deviations).reshape(rows, count)
        now = self.cost(points, fidelity, after)
        return best_log_rate(gains, now, self.cost(points, self.encoding.fidelity.high, fidelity))


def explained_share(
    surrogate: Surrogate, here: Float[Tensor, "r d"], there: Float[Tensor, "r d"]
) -> Float[Tensor, " r"]:
    """Return by which share an observation here reduces the variance there, point by point.

    That is the squared correlation of what would be observed here with the function there, given
    all observations so far. Differentiable.
    """
    if not isinstance(surrogate, GaussianProcess):
        return torch.ones(len(here), dtype=here.dtype)
    kernel, theta, seen = surrogate.kernel, surrogate.kernel_theta, surrogate.likelihood.features
    left, right = surrogate.features.of_points(here), surrogate.features.of_points(there)
    whitened = [
        torch.linalg.solve_triangular(
            surrogate.factor, kernel.gram(seen, each, theta).matrix, upper=False
        )
        for each in (left, right)
    ]
    between = kernel.gram(left[:, None, :], right[:, None, :], theta).matrix[:, 0, 0]
    covariance = between - (whitened[0] * whitened[1]).sum(dim=0)
    prior = [kernel.diagonal(each, theta) for each in (left, right)]
    here_variance, there_variance = (
        (before - known.square().sum(dim=0)).clamp_min(TINY)
        for before, known in zip(prior, whitened, strict=True)
    )
    noise = _usual_noise(surrogate, here[:, -1:])
    share: Tensor = covariance.square() / ((here_variance + noise) * there_variance)
    return share.clamp_max(1.0)


def _usual_noise(
    surrogate: GaussianProcess, fidelities: Float[Tensor, "r 1"]
) -> Float[Tensor, " r"]:
    """Return the median noise variance of observations at a fidelity, the largest without any."""
    noise = surrogate.likelihood.noise(surrogate.theta)
    seen = surrogate.likelihood.observations.points[:, -1]
    same = (fidelities - seen).abs() < SAME
    found = torch.where(same, noise, torch.nan).nanmedian(dim=1).values
    return torch.where(found.isnan(), noise.max(), found)


def best_log_rate(
    gains: Float[Tensor, "r n"], now: Float[Tensor, " r"], later: Float[Tensor, " r"]
) -> Float[Tensor, " r"]:
    """Return the log of the best expected gain per expected cost, over rules for going on.

    Args:
        gains: Log of the gain after each of `n` equally likely results.
        now: Cost of the result.
        later: Cost of going on after it, which is where the gain is.
    """
    count = gains.shape[1]
    earned = gains.sort(dim=1, descending=True).values.logcumsumexp(dim=1) - math.log(count)
    shares = torch.arange(1, count + 1, dtype=gains.dtype) / count
    rates = earned - (now[:, None] + shares * later[:, None]).log()
    best: Tensor = rates.amax(dim=1)
    return best
