"""Expectations of a normal variable above a limit, in log space, wherever the limit is.

Notation: `phi` and `Phi` are density and distribution function of the standard normal, and
`h(z) = phi(z) + z Phi(z)` is what a normal variable with mean z exceeds 0 by, on average.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

FAR = -25.0
"""Below, `h` is summed as a series; above, the difference keeps 12 digits at least."""

LOG_ROOT = 0.5 * math.log(2.0 * math.pi)


def excess_above(
    z: Float[Tensor, "*shape"],
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return `h(z)` with `Phi(z)` and `phi(z)`; all are 0 below -37."""
    density = z.square().mul_(-0.5).sub_(LOG_ROOT).exp_()
    below = torch.erfc(z * (-math.sqrt(0.5))).mul_(0.5)
    return torch.addcmul(density, z, below).clamp_min_(0.0), below, density


def log_excess(
    z: Float[Tensor, "*shape"],
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return `log h(z)` with `Phi(z) / h(z)` and `phi(z) / h(z)`, for any finite z.

    The two ratios are its derivatives by the mean and by the standard deviation, as
    `excess = s h(m / s)` has the slopes `Phi` and `phi`.

    Source: Ament, Daulton, Eriksson, Balandat and Bakshy, "Unexpected improvements to expected
    improvement for Bayesian optimization", NeurIPS (2023), for the need of it.
    """
    near = z.clamp_min(FAR)
    density = (-0.5 * near.square() - LOG_ROOT).exp()
    below = 0.5 * torch.erfc(near * (-math.sqrt(0.5)))
    excess = density + near * below
    log, slope, spread = excess.log(), below / excess, density / excess
    far = z < FAR
    if bool(far.any()):
        inverse = z[far].square().reciprocal()
        # h(z) = phi(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - ...)
        series = 1.0 - inverse * (3.0 - inverse * (15.0 - inverse * (105.0 - inverse * 945.0)))
        share = 1.0 / (inverse * series)
        log[far] = -0.5 / inverse - LOG_ROOT - share.log()
        spread[far] = share
        slope[far] = (1.0 - share) / z[far]
    return log, slope, spread


def log1m_exp(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return `log(1 - exp(x))` for x below 0, precisely at both ends."""
    return torch.where(x > -math.log(2.0), (-torch.expm1(x)).log(), torch.log1p(-x.exp()))


def log_softplus(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return `log(log(1 + exp(x)))`: the logarithm of x above 0, and x itself far below."""
    soft = torch.nn.functional.softplus(x.clamp_min(-30.0)).log()
    return torch.where(x < -30.0, x, soft)
