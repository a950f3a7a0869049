import math

import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from moopt.errors import SurrogateError
from moopt.surrogates.gaussian_process import GaussianProcess, safe_factor
from moopt.surrogates.selection import Measured, learned_process
from tests.surrogates.made_kernels import normal, uniform
from tests.surrogates.made_processes import (
    SPACES,
    TRANSFORMS,
    UNKNOWN,
    measured_in,
    points_of,
    process_of,
)
from tests.surrogates.made_spaces import numbers
from tests.surrogates.slow_twins import condition

PLANE = numbers(2)
GRID = torch.cartesian_prod(*[torch.linspace(0, 1, 9, dtype=torch.float64)] * 2)

each_kernel = pytest.mark.parametrize("kernel", SPACES)


def noisy_waves(errors: float, *, exact: bool = False) -> Measured:
    points = uniform(30, 2)
    values = (6 * points[:, 0]).sin() + points[:, 1].square() + 0.1 * normal(30)
    return Measured(PLANE, points, 50 + 10 * values, torch.full((30,), errors).double(), exact)


def botorch_fit(measured: Measured, kernel: str) -> SingleTaskGP:
    known = None if measured.standard_errors.isnan().any() else measured.standard_errors.square()
    model = SingleTaskGP(
        measured.points,
        measured.values[:, None],
        None if known is None else known[:, None],
        covar_module=get_covar_module_with_dim_scaled_prior(2, use_rbf_kernel=kernel == "rbf"),
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def theirs_as_ours(model: SingleTaskGP, process: GaussianProcess) -> Tensor:
    theta = process.theta.clone()
    theta[:2] = model.covar_module.lengthscale[0].log()
    theta[-4] = model.likelihood.noise[0].log()
    theta[-1] = model.mean_module.constant
    return theta.detach()


@pytest.mark.parametrize("kernel", ["rbf", "matern"])
@pytest.mark.parametrize(("errors", "exact"), [(UNKNOWN, False), (1.0, True)])
def test_a_fitted_process_is_that_of_botorch(kernel: str, errors: float, *, exact: bool) -> None:
    measured = noisy_waves(errors, exact=exact)
    theirs = botorch_fit(measured, kernel)

    ours = learned_process(measured, kernel)

    mean, covariance = ours.predict(GRID)
    means, deviations = ours.moments(mean, covariance.diagonal().sqrt())
    expected = theirs.posterior(GRID)
    assert (means - expected.mean[:, 0]).abs().max() < 3e-3 * measured.values.std()
    assert torch.allclose(deviations, expected.variance[:, 0].sqrt(), rtol=3e-3)


@pytest.mark.parametrize("kernel", ["rbf", "matern"])
@pytest.mark.parametrize(("errors", "exact"), [(UNKNOWN, False), (1.0, True)])
def test_no_hyperparameters_of_botorch_are_more_probable(
    kernel: str, errors: float, *, exact: bool
) -> None:
    measured = noisy_waves(errors, exact=exact)
    ours = learned_process(measured, kernel)

    theirs = theirs_as_ours(botorch_fit(measured, kernel), ours)

    log_posterior = ours.likelihood.log_posterior
    assert log_posterior(ours.theta)[0] > log_posterior(theirs)[0] - 1e-4


@each_kernel
@pytest.mark.parametrize("errors", [UNKNOWN, 0.05])
def test_a_prediction_is_the_dense_conditional_distribution(kernel: str, errors: float) -> None:
    process = process_of(kernel, errors=errors)
    points = points_of(process.features, 5, seed=1)
    likelihood, theta = process.likelihood, process.kernel_theta
    here, there = process.features.of_points(points), likelihood.features
    seen = process.kernel.gram(there, there, theta).matrix + likelihood.noise(process.theta).diag()

    mean, covariance = process.predict(points)

    away, expected = condition(
        process.kernel.gram(here, here, theta).matrix,
        process.kernel.gram(here, there, theta).matrix,
        seen,
        likelihood.observations.values - process.constant,
    )
    assert torch.allclose(mean, process.constant + away, atol=1e-6)
    assert torch.allclose(covariance, expected, atol=1e-6)


def test_exact_measurements_are_interpolated() -> None:
    measured = measured_in(numbers(3), errors=0.0, exact=True)
    process = process_of(measured=measured)

    mean, covariance = process.predict(measured.points)

    assert torch.allclose(process.measured(mean), measured.values, atol=1e-4)
    assert float(covariance.diagonal().max()) < 1e-4


def test_draws_have_the_covariance_of_the_prediction() -> None:
    process, points = process_of(), points_of(SPACES["matern"], 5, seed=1)
    mean, covariance = process.predict(points)

    draws = process.sample(points, torch.cat([torch.zeros(1, 5), torch.eye(5)]).double())

    # The columns of the factor of the covariance are what the unit vectors become.
    factor = (draws[1:] - mean).mT
    assert torch.allclose(draws[0], mean)
    assert torch.allclose(factor @ factor.mT, covariance, atol=1e-6)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_moments_are_those_of_measured_draws(transform: str) -> None:
    process = process_of(transform=transform)
    mean, deviation = torch.tensor([0.3, -0.8]).double(), torch.tensor([0.5, 0.2]).double()
    draws = torch.special.ndtri((torch.arange(20000).double() + 0.5) / 20000)

    means, deviations = process.moments(mean, deviation)

    values = process.measured(mean + deviation * draws[:, None])
    assert torch.allclose(means, values.mean(dim=0), rtol=1e-4)
    assert torch.allclose(deviations, values.std(dim=0), rtol=1e-3)


def test_moments_under_the_logarithm_are_log_normal() -> None:
    process = process_of(transform="log")
    mean, deviation = torch.tensor([0.3, -0.8]).double(), torch.tensor([0.5, 0.2]).double()
    observations = process.likelihood.observations
    location = observations.location + observations.scale * mean
    variance = (observations.scale * deviation).square()

    means, deviations = process.moments(mean, deviation)

    expected = (location + variance / 2).exp()
    assert torch.allclose(means, expected)
    assert torch.allclose(deviations, expected * torch.expm1(variance).sqrt(), rtol=1e-6)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_moments_are_differentiable(transform: str) -> None:
    process = process_of(transform=transform)
    mean = torch.tensor([0.3, -0.8]).double().requires_grad_()
    deviation = torch.tensor([0.5, 0.2]).double().requires_grad_()

    assert torch.autograd.gradcheck(process.moments, (mean, deviation))


def test_a_process_says_in_words_what_it_is() -> None:
    assert process_of("rbf").description == "squared exponential"
    assert process_of("quadratic", "log").description == "quadratic of the log"
    assert process_of("choices").description == "differing choices plus sums"
    assert process_of("warped_matern").description == "Matérn-5/2 (warped inputs)"
    assert process_of("warped_matern", "log").description == "Matérn-5/2 (warped inputs) of the log"


def test_a_constant_outcome_is_predicted_everywhere() -> None:
    measured = measured_in(PLANE)
    constant = torch.full_like(measured.values, 2.5)

    process = learned_process(Measured(PLANE, measured.points, constant, constant * UNKNOWN))

    mean, covariance = process.predict(GRID)
    means, deviations = process.moments(mean, covariance.diagonal().sqrt())
    assert means.tolist() == pytest.approx([2.5] * len(GRID))
    assert float(deviations.max()) < 1.0


@pytest.mark.parametrize("entry", [-1.0, math.nan])
def test_what_is_no_covariance_is_refused_in_words(entry: float) -> None:
    covariance = torch.eye(3, dtype=torch.float64)
    covariance[1, 1] = entry

    with pytest.raises(SurrogateError, match="between 3 points"):
        safe_factor(covariance)
