import pytest
import torch

from moopt.surrogates.fitting import fit
from moopt.surrogates.marginal_likelihood import Likelihood
from tests.surrogates.made_kernels import normal
from tests.surrogates.made_processes import SPACES, TRANSFORMS, UNKNOWN, kernel_of, measured_in

each_kernel = pytest.mark.parametrize("kernel", SPACES)


def likelihood_of(kernel: str) -> Likelihood:
    measured = measured_in(SPACES[kernel], 20, errors=UNKNOWN)
    return measured.likelihood(kernel_of(kernel), TRANSFORMS["identity"])


@each_kernel
def test_nothing_near_fitted_hyperparameters_is_more_probable(kernel: str) -> None:
    likelihood = likelihood_of(kernel)
    low, high = torch.tensor(likelihood.bounds, dtype=torch.float64).T

    found = fit(likelihood)

    steps = 0.1 * normal(30, len(low))
    near = [likelihood.log_posterior((found.theta + step).clamp(low, high))[0] for step in steps]
    assert max(near) < found.log_posterior + 1e-2
    assert found.log_posterior == pytest.approx(likelihood.log_posterior(found.theta)[0])


@each_kernel
def test_fitting_goes_on_from_what_is_known(kernel: str) -> None:
    likelihood = likelihood_of(kernel)
    found = fit(likelihood)

    again = fit(likelihood, found.theta)

    assert again.log_posterior == pytest.approx(found.log_posterior, abs=0.02)
    assert again.log_posterior >= found.log_posterior


def test_hyperparameters_stay_within_their_bounds() -> None:
    likelihood = likelihood_of("quadratic")
    low, high = torch.tensor(likelihood.bounds, dtype=torch.float64).T

    theta = fit(likelihood, likelihood.start + 100.0).theta

    assert (theta >= low).all()
    assert (theta <= high).all()
