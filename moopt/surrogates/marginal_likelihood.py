"""How likely observations are under a kernel, and how well it would have predicted each of them."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.surrogates.kernels import Kernel, log_normal
from moopt.surrogates.observations import Observations

LEARNED_NOISE = (-4.0, 1.0)
SEED_NOISE = (-6.0, 1.0)
OWN_SHARE = (0.0, 0.5)
"""Log-normal priors: of a learned variance, of one on top of a known one, and of the share of a
known variance that each measurement has for itself."""

LEARNED_BOUNDS = (math.log(1e-4), math.log(10.0))
SEED_BOUNDS = (math.log(1e-7), math.log(10.0))
SHARE_BOUNDS = (math.log(1e-3), 0.0)
NOISE_PRIORS = (LEARNED_NOISE, SEED_NOISE, OWN_SHARE)
MEAN_BOUNDS = (-5.0, 5.0)
JITTER = 1e-8


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The marginal likelihood of observations, as a function of `theta`.

    `theta` holds the hyperparameters of the kernel and four more: the logarithms of the learned
    noise variance, of the variance from seed to seed where the noise of measurements is known, and
    of the share of the known variance that measurements do not have in common; and the mean.

    What is measured on the same examples in every trial errs in the same direction in every trial:
    that part of the known noise changes no comparison, and is not there as far as a surrogate is
    concerned.
    """

    kernel: Kernel
    features: Float[Tensor, "n f"]
    observations: Observations
    exact: bool
    """Measurements with known noise have no other."""

    derivatives: Bool[Tensor, " n"] | None = None
    """Which observations are directional derivatives: the mean says nothing of them, and their
    noise is known. None: all are values."""

    @property
    def of_derivatives(self) -> Bool[Tensor, " n"]:
        """Which observations are directional derivatives."""
        if self.derivatives is None:
            return torch.zeros(len(self.features), dtype=torch.bool)
        return self.derivatives

    @property
    def start(self) -> Float[Tensor, " p"]:
        """Return where fitting starts."""
        modes = [location - variance for location, variance in NOISE_PRIORS]
        return torch.cat([self.kernel.start, torch.tensor([*modes, 0.0], dtype=torch.float64)])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of every element of `theta`."""
        return [*self.kernel.bounds, LEARNED_BOUNDS, SEED_BOUNDS, SHARE_BOUNDS, MEAN_BOUNDS]

    def noise(self, theta: Float[Tensor, " p"]) -> Float[Tensor, " n"]:
        """Return the noise variance of each observation."""
        learned, seed, share = theta[-4:-1].exp()
        known = self.observations.variances
        effective = known if self.exact else share * known + seed / self.observations.repeats
        if self.derivatives is not None:
            effective = torch.where(self.derivatives, known, effective)
        return torch.where(known.isnan(), learned / self.observations.repeats, effective)

    def usual_noise(self, theta: Float[Tensor, " p"]) -> Float[Tensor, ""]:
        """Return the noise variance of one more value."""
        return self.noise(theta)[~self.of_derivatives].median()

    def residual(self, theta: Float[Tensor, " p"]) -> Float[Tensor, " n"]:
        """Return observations without the mean."""
        if self.derivatives is None:
            return self.observations.values - theta[-1]
        return self.observations.values - theta[-1] * ~self.derivatives

    def kernel_part(self, theta: Float[Tensor, " p"]) -> Float[Tensor, " k"]:
        """Return the hyperparameters of the kernel."""
        return theta[:-4]

    def factor(self, theta: Float[Tensor, " p"]) -> Float[Tensor, "n n"]:
        """Return the Cholesky factor of the covariance of the observations.

        Raises:
            numpy.linalg.LinAlgError: The covariance is not positive definite in floating point.
        """
        covariance = self.kernel.gram(self.features, self.features, self.kernel_part(theta)).matrix
        return _cholesky(covariance + (self.noise(theta) + JITTER).diag())

    def log_posterior(self, theta: Float[Tensor, " p"]) -> tuple[float, Float[Tensor, " p"]]:
        """Return log likelihood plus log prior, and its gradient.

        Source: Rasmussen and Williams, "Gaussian processes for machine learning", chapter 5 (2006);
        Binois, Gramacy and Ludkovski, "Practical heteroscedastic Gaussian process modeling for
        large simulation experiments", Journal of Computational and Graphical Statistics 27 (2018),
        for repeats.

        Raises:
            numpy.linalg.LinAlgError: The covariance is not positive definite in floating point.
        """
        data, count = self.observations, len(self.features)
        gram = self.kernel.gram(self.features, self.features, self.kernel_part(theta))
        noise = self.noise(theta)
        factor = _cholesky(gram.matrix + (noise + JITTER).diag())
        residual = self.residual(theta)
        alpha = torch.cholesky_solve(residual[:, None], factor)[:, 0]
        value = -0.5 * residual @ alpha - factor.diagonal().log().sum()
        value = value - 0.5 * count * math.log(2.0 * math.pi)
        weights = 0.5 * (torch.outer(alpha, alpha) - torch.cholesky_inverse(factor))
        by_noise = weights.diagonal()
        by_tail = self._by_tail(theta, noise, by_noise)
        if data.spare:
            energy = 0.5 * data.scatter * (-theta[-4]).exp()
            value = value - 0.5 * data.spare * (theta[-4] + math.log(2.0 * math.pi)) - energy
            by_tail[0] += energy - 0.5 * data.spare
        prior, by_kernel = self.kernel.log_prior(self.kernel_part(theta))
        value = value + prior
        for index, (location, variance) in enumerate(NOISE_PRIORS):
            more, slope = log_normal(theta[index - 4], location, variance)
            value = value + more
            by_tail[index] += slope
        by_tail[3] = alpha[~self.of_derivatives].sum()
        return float(value), torch.cat([gram.by_theta(weights) + by_kernel, by_tail])

    def _by_tail(
        self, theta: Float[Tensor, " p"], noise: Float[Tensor, " n"], weights: Float[Tensor, " n"]
    ) -> Float[Tensor, " 4"]:
        """Return the gradient of `sum(weights * noise)` by the last four."""
        known = self.observations.variances
        learned = known.isnan()
        gradient = theta.new_zeros(4)
        gradient[0] = (weights * noise)[learned].sum()
        if not self.exact:
            told = ~learned & ~self.of_derivatives
            own = weights / self.observations.repeats
            gradient[1] = own[told].sum() * theta[-3].exp()
            gradient[2] = (weights * known)[told].sum() * theta[-2].exp()
        return gradient


def _cholesky(covariance: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    factor: Tensor
    factor, minor = torch.linalg.cholesky_ex(covariance)
    if int(minor) > 0:
        raise np.linalg.LinAlgError(
            f"a covariance of {len(covariance)} observations is not positive definite: "
            f"its leading minor of order {int(minor)} is not"
        )
    return factor


def leave_one_out(
    factor: Float[Tensor, "n n"], residual: Float[Tensor, " n"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return error and variance of the prediction of each observation from all others.

    Source: Sundararajan and Keerthi, "Predictive approaches for choosing hyperparameters in
    Gaussian processes", Neural Computation 13 (2001).
    """
    inverse = torch.cholesky_inverse(factor)
    variances = 1.0 / inverse.diagonal()
    return (inverse @ residual) * variances, variances
