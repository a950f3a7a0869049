import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime
from torch import Tensor

from moopt.surrogates.kernels import Kernel
from moopt.surrogates.marginal_likelihood import JITTER, Likelihood, leave_one_out
from moopt.surrogates.observations import Observations, observe
from tests.surrogates.made_kernels import KERNELS, RBF, near_start, normal, uniform
from tests.surrogates.slow_twins import condition, dense_log_posterior

UNKNOWN = float("nan")
SITUATIONS = {
    "unknown": ([UNKNOWN] * 12, False, False),
    "known": ([0.1, 0.3] * 6, False, False),
    "mixed": ([0.1, UNKNOWN, 0.3] * 4, False, False),
    "exact": ([0.1, 0.3] * 6, True, False),
    "exact_and_unknown": ([0.1, UNKNOWN, 0.3] * 4, True, False),
    "repeats": ([UNKNOWN] * 12, False, True),
    "repeats_of_all_kinds": ([0.1, UNKNOWN, 0.3] * 4, False, True),
}
each_situation = pytest.mark.parametrize("situation", SITUATIONS)
each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def likelihood_of(kernel: Kernel, situation: str) -> Likelihood:
    errors, exact, repeated = SITUATIONS[situation]
    points = uniform(12, 4)
    if repeated:
        points[6:] = points[:6]
    observations = observe(points, normal(12), torch.tensor(errors, dtype=torch.float64))
    return Likelihood(kernel, observations.points, observations, exact)


def somewhere(likelihood: Likelihood, seed: int = 0) -> Tensor:
    return likelihood.start + 0.3 * normal(len(likelihood.start), seed=seed)


@each_kernel
@each_situation
def test_the_slope_of_the_posterior_is_that_of_finite_differences(
    kernel: Kernel, situation: str
) -> None:
    likelihood = likelihood_of(kernel, situation)
    theta = somewhere(likelihood)

    def value(theta: np.ndarray) -> float:
        return likelihood.log_posterior(torch.from_numpy(theta))[0]

    expected = approx_fprime(theta.numpy(), value, 1e-6)
    slope = likelihood.log_posterior(theta)[1].numpy()
    assert slope == pytest.approx(expected, rel=1e-5, abs=1e-4)


@each_kernel
@pytest.mark.parametrize("situation", ["unknown", "known", "mixed", "exact", "exact_and_unknown"])
def test_the_posterior_is_a_multivariate_normal_density_times_the_priors(
    kernel: Kernel, situation: str
) -> None:
    likelihood = likelihood_of(kernel, situation)
    data, exact = likelihood.observations, likelihood.exact
    one, other = somewhere(likelihood, 1), somewhere(likelihood, 2)

    lead = likelihood.log_posterior(one)[0] - likelihood.log_posterior(other)[0]

    expected = [
        dense_log_posterior(kernel, data.points, data.values, data.variances, theta, exact=exact)
        for theta in (one, other)
    ]
    assert lead == pytest.approx(expected[0] - expected[1], rel=1e-9)


def test_measurements_far_apart_have_the_density_of_independent_ones() -> None:
    # Two values of the kernel's variance 1 and a noise of e^-4 each: N(0, 1 + e^-4) twice.
    values = torch.tensor([1.0, -2.0], dtype=torch.float64)
    none = torch.full((2,), UNKNOWN, dtype=torch.float64)
    far = torch.tensor([[0.0] * 4, [1.0] * 4], dtype=torch.float64)
    data = Observations(far, values, none, torch.ones(2).double(), 0.0, 0, 0.0, 1.0)
    likelihood = Likelihood(RBF, far, data, exact=False)
    theta = likelihood.start
    theta[:3], theta[-4] = -3.0, -4.0

    def joint(mean: float) -> float:
        shifted = theta.clone()
        shifted[-1] = mean
        return likelihood.log_posterior(shifted)[0]

    variance = 1 + np.exp(-4.0) + JITTER
    expected = [-((1 - mean) ** 2 + (2 + mean) ** 2) / (2 * variance) for mean in (0.0, 1.0)]
    assert joint(0.0) - joint(1.0) == pytest.approx(expected[0] - expected[1])


def test_a_covariance_that_is_not_positive_definite_is_an_error() -> None:
    likelihood = likelihood_of(RBF, "unknown")
    theta = likelihood.start
    theta[0] = torch.nan

    with pytest.raises(np.linalg.LinAlgError, match="12 observations is not positive definite"):
        likelihood.factor(theta)


@pytest.mark.parametrize("left_out", [0, 5, 11])
def test_each_left_out_value_is_predicted_as_by_a_process_without_it(left_out: int) -> None:
    points, residual = uniform(12, 4), normal(12)
    covariance = RBF.gram(points, points, near_start(RBF)).matrix + 0.05 * torch.eye(12).double()

    errors, variances = leave_one_out(torch.linalg.cholesky(covariance), residual)

    rest, row = torch.arange(12) != left_out, covariance[[left_out]]
    mean, variance = condition(
        row[:, [left_out]], row[:, rest], covariance[rest][:, rest], residual[rest]
    )
    assert float(errors[left_out]) == pytest.approx(float(residual[left_out] - mean))
    assert float(variances[left_out]) == pytest.approx(float(variance))
