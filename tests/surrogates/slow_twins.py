"""The same numbers the long way: dense matrices, distributions of torch, nothing merged."""

import torch
from torch import Tensor
from torch.distributions import LogNormal, MultivariateNormal

from moopt.surrogates.kernels import Kernel
from moopt.surrogates.marginal_likelihood import JITTER, LEARNED_NOISE, OWN_SHARE, SEED_NOISE


def noise_of(theta: Tensor, variances: Tensor, *, exact: bool) -> Tensor:
    """Return the noise variance of every single measurement. NaN: learned."""
    learned, seed, share = theta[-4:-1].exp()
    known = variances if exact else share * variances + seed
    return torch.where(variances.isnan(), learned, known)


def dense_log_posterior(
    kernel: Kernel,
    features: Tensor,
    values: Tensor,
    variances: Tensor,
    theta: Tensor,
    *,
    exact: bool,
) -> float:
    """Return the log posterior of hyperparameters from standardized measurements."""
    matrix = kernel.gram(features, features, theta[:-4]).matrix
    noise = noise_of(theta, variances, exact=exact) + JITTER
    likelihood = MultivariateNormal(theta[-1].expand(len(values)), matrix + noise.diag())
    priors = zip((LEARNED_NOISE, SEED_NOISE, OWN_SHARE), theta[-4:-1].exp(), strict=True)
    tail = sum(
        LogNormal(value.new_tensor(location), value.new_tensor(variance).sqrt()).log_prob(value)
        for (location, variance), value in priors
    )
    return float(likelihood.log_prob(values) + kernel.log_prior(theta[:-4])[0] + tail)


def condition(
    prior: Tensor, cross: Tensor, seen: Tensor, residual: Tensor
) -> tuple[Tensor, Tensor]:
    """Return mean and covariance of a normal vector given another, by the inverse of a matrix.

    Args:
        prior: Covariance of what is asked.
        cross: Between what is asked and what was seen.
        seen: Covariance of what was seen, noise included.
        residual: What was seen, without its mean.
    """
    weights = cross @ seen.inverse()
    return weights @ residual, prior - weights @ cross.mT
