"""Hyperparameters at the maximum of their posterior."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor

from moopt.surrogates.marginal_likelihood import Likelihood

IMPOSSIBLE = 1e10
COLD_STEPS = 100
WARM_STEPS = 25
COLD_TOLERANCE, WARM_TOLERANCE = 1e-6, 1e-5


@dataclass(frozen=True, slots=True)
class Fit:
    """Hyperparameters and the log posterior at them."""

    theta: Float[Tensor, " p"]
    log_posterior: float


def fit(likelihood: Likelihood, start: Float[Tensor, " p"] | None = None) -> Fit:
    """Maximize the posterior of the hyperparameters.

    Source: Zhu, Byrd, Lu and Nocedal, "Algorithm 778: L-BFGS-B", ACM Transactions on Mathematical
    Software 23 (1997), in the implementation of SciPy.

    Args:
        likelihood: Of the observations.
        start: Hyperparameters that are near already. None: two starts, from the prior.
    """
    if start is not None:
        return _climb(likelihood, start, WARM_STEPS, WARM_TOLERANCE)
    first = _climb(likelihood, likelihood.start, COLD_STEPS, COLD_TOLERANCE)
    smooth = likelihood.start.clone()
    smooth[: len(likelihood.kernel.start)] = _smoother(likelihood)
    second = _climb(likelihood, smooth, COLD_STEPS, COLD_TOLERANCE)
    return max(first, second, key=lambda each: each.log_posterior)


def _smoother(likelihood: Likelihood) -> Float[Tensor, " p"]:
    """Return hyperparameters of the kernel with longer lengthscales, so that noise can win."""
    start, bounds = likelihood.kernel.start, likelihood.kernel.bounds
    highest = torch.tensor([high for _, high in bounds], dtype=start.dtype)
    return torch.minimum(start + 1.5, highest)


def _climb(likelihood: Likelihood, start: Float[Tensor, " p"], steps: int, tolerance: float) -> Fit:
    count = len(likelihood.features)

    def loss(theta: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        try:
            value, gradient = likelihood.log_posterior(torch.from_numpy(theta))
        except np.linalg.LinAlgError:
            return IMPOSSIBLE, np.zeros_like(theta)
        return -value / count, -gradient.numpy() / count

    low, high = np.array(likelihood.bounds).T
    with torch.no_grad():
        found = minimize(
            loss,
            np.clip(start.numpy(), low, high),
            jac=True,
            method="L-BFGS-B",
            bounds=likelihood.bounds,
            options={"maxiter": steps, "ftol": tolerance},
        )
    return Fit(torch.from_numpy(found.x), -float(found.fun) * count)
