"""One Gaussian process for one outcome: hyperparameters, and what was observed under them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from moopt.errors import SurrogateError
from moopt.surrogates.features import Features
from moopt.surrogates.kernels import Kernel
from moopt.surrogates.marginal_likelihood import Likelihood
from moopt.surrogates.outcome_transforms import OutcomeTransform

NODES = 12
"""Of the quadrature that turns normal values into measured ones."""


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A process in standardized units, conditioned on its observations."""

    features: Features
    likelihood: Likelihood
    transform: OutcomeTransform
    theta: Float[Tensor, " p"]
    factor: Float[Tensor, "n n"]
    """Cholesky factor of the covariance of the observations."""

    alpha: Float[Tensor, " n"]
    """That covariance, solved for the observations without the mean."""

    @classmethod
    def of(
        cls,
        features: Features,
        likelihood: Likelihood,
        theta: Float[Tensor, " p"],
        transform: OutcomeTransform,
    ) -> "GaussianProcess":
        """Condition a process with known hyperparameters on its observations.

        Raises:
            numpy.linalg.LinAlgError: The covariance is not positive definite in floating point.
        """
        factor = likelihood.factor(theta)
        residual = likelihood.residual(theta)
        alpha = torch.cholesky_solve(residual[:, None], factor)[:, 0]
        return cls(features, likelihood, transform, theta, factor, alpha)

    @property
    def kernel(self) -> Kernel:
        """The covariance function of features."""
        return self.likelihood.kernel

    @property
    def kernel_theta(self) -> Float[Tensor, " k"]:
        """The hyperparameters of the kernel."""
        return self.likelihood.kernel_part(self.theta)

    @property
    def description(self) -> str:
        """Kernel and transform in words, and the guide."""
        plain, guide = self.transform.is_identity, self.features.guide
        told = self.kernel.name + ("" if plain else f" of the {self.transform.name}")
        return told if guide is None else f"{told}, guided by {guide.description}"

    @property
    def constant(self) -> Float[Tensor, ""]:
        """The mean far from all observations, standardized."""
        return self.theta[-1]

    def predict(
        self, points: Float[Tensor, "q d"]
    ) -> tuple[Float[Tensor, " q"], Float[Tensor, "q q"]]:
        """Return mean and covariance of the standardized function at points; differentiable."""
        here = self.features.of_points(points)
        cross = self.kernel.gram(here, self.likelihood.features, self.kernel_theta).matrix
        mean = self.constant + cross @ self.alpha
        seen = torch.linalg.solve_triangular(self.factor, cross.mT, upper=False)
        prior = self.kernel.gram(here, here, self.kernel_theta).matrix
        return mean, prior - seen.mT @ seen

    def means(self, points: Float[Tensor, "q d"]) -> Float[Tensor, " q"]:
        """Return the mean of the standardized function at each point, which costs least."""
        here = self.features.of_points(points)
        cross = self.kernel.gram(here, self.likelihood.features, self.kernel_theta).matrix
        return self.constant + cross @ self.alpha

    def marginals(
        self, points: Float[Tensor, "q d"]
    ) -> tuple[Float[Tensor, " q"], Float[Tensor, " q"]]:
        """Return mean and deviation of the standardized function at each point alone.

        As `predict`, at a cost that grows with the number of points rather than with its square.
        """
        here = self.features.of_points(points)
        cross = self.kernel.gram(here, self.likelihood.features, self.kernel_theta).matrix
        mean = self.constant + cross @ self.alpha
        seen = torch.linalg.solve_triangular(self.factor, cross.mT, upper=False)
        prior = self.kernel.diagonal(here, self.kernel_theta)
        return mean, (prior - seen.square().sum(dim=0)).clamp_min(0.0).sqrt()

    def sample(
        self, points: Float[Tensor, "q d"], normals: Float[Tensor, "s q"]
    ) -> Float[Tensor, "s q"]:
        """Return the standardized function at points, drawn jointly, from normal numbers."""
        mean, covariance = self.predict(points)
        return mean + normals @ safe_factor(covariance).mT

    def measured(self, standard: Tensor) -> Tensor:
        """Return values of the standardized function as they would be measured without noise."""
        observations = self.likelihood.observations
        return self.transform.inverse(observations.location + observations.scale * standard)

    def moments(
        self, means: Float[Tensor, "*#r"], deviations: Float[Tensor, "*#r"]
    ) -> tuple[Float[Tensor, "*#r"], Float[Tensor, "*#r"]]:
        """Return mean and standard deviation as measured, of normal standardized values.

        Under a transform by Gauss-Hermite quadrature; differentiable.
        """
        observations = self.likelihood.observations
        if self.transform.is_identity:
            shifted = observations.location + observations.scale * means
            return shifted, observations.scale * deviations
        nodes, weights = _hermite(means)
        values = self.measured(means[..., None] + deviations[..., None] * nodes)
        mean = values @ weights
        variance = (values - mean[..., None]).square() @ weights
        return mean, variance.clamp_min(1e-18).sqrt()


def safe_factor(covariance: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Return the Cholesky factor of a covariance, with as little added to its diagonal as it takes.

    Raises:
        SurrogateError: Even a hundredth on the diagonal is too little, or a number is not finite.
    """
    try:
        factor: Tensor = psd_safe_cholesky(covariance, jitter=1e-8, max_tries=7)
    except (NanError, NotPSDError) as error:
        raise SurrogateError(
            f"a Gaussian process has no covariance between {len(covariance)} points that can be "
            "sampled; look at `moopt trials` for values that cannot be, or choose a surrogate"
        ) from error
    return factor


def _hermite(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return nodes and weights of the expectation under a standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return like.new_tensor(nodes), like.new_tensor(weights / weights.sum())
