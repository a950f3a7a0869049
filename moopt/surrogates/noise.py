"""Observation noise: known for some measurements, learned for the others.

The learned variance is a maximum a posteriori estimate by expectation-maximization, with the prior
that BoTorch gives a homoskedastic one: log-normal(-4, 1) of the standardized variance.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

FLOOR = 2e-6
"""Smallest known noise variance, as a share of the variance of the outcome."""

LEARNED_FLOOR = 1e-4
"""Smallest learned noise variance: BoTorch's own."""

PRIOR_LOCATION = -4.0
"""Of the logarithm of the learned variance, whose standard deviation is 1."""


def initial_variance() -> float:
    """Return the mode of the prior, where learning starts."""
    return math.exp(PRIOR_LOCATION - 1.0)


def learned_variance(
    residuals: Float[Tensor, " n"], variances: Float[Tensor, " n"], unknown: Bool[Tensor, " n"]
) -> float:
    """Return the next estimate of the variance that the unknown measurements share.

    It maximizes the expected log posterior, which has one maximum: its slope falls with the log of
    the variance.

    Source: Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM
    algorithm", Journal of the Royal Statistical Society B 39 (1977).

    Args:
        residuals: Of each measurement from the posterior mean of the function, standardized.
        variances: Posterior variance of the function at each measurement.
        unknown: Which measurements came without a standard error.
    """
    count = int(unknown.sum())
    energy = float((residuals[unknown].square() + variances[unknown]).sum())

    def slope(log_variance: float) -> float:
        likelihood = -count / 2 + energy / 2 * math.exp(-log_variance)
        return likelihood - (log_variance - PRIOR_LOCATION) - 1.0

    low, high = math.log(LEARNED_FLOOR), math.log(10.0)
    if slope(low) < 0:
        return LEARNED_FLOOR
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.exp(low)


def filled_variances(known: Float[Tensor, " n"], learned: float) -> Float[Tensor, " n"]:
    """Return the known variances, none below the floor, and the learned one where it is NaN."""
    return torch.where(known.isnan(), learned, known.clamp_min(FLOOR))
