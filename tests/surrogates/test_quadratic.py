import pytest
import torch
from gpytorch.kernels import LinearKernel, PolynomialKernel, RBFKernel, ScaleKernel
from torch.distributions import LogNormal

from moopt.surrogates.quadratic import (
    MEDIANS,
    VARIANCE_OF_VARIANCES,
    Quadratic,
)
from tests.surrogates.made_kernels import GROUPS, RBF, near_start, uniform

SURFACE = Quadratic(RBF)


def scaled(kernel: LinearKernel | PolynomialKernel | RBFKernel, variance: float) -> ScaleKernel:
    found = ScaleKernel(kernel).double()
    found.outputscale = variance
    return found


def test_the_quadratic_kernel_is_a_sum_of_gpytorchs() -> None:
    left, right, theta = uniform(5, 4), uniform(7, 4, seed=1), near_start(SURFACE)
    line, square, rest = LinearKernel(), PolynomialKernel(power=2), RBFKernel(ard_num_dims=4)
    line.variance, square.offset, rest.lengthscale = 1.0, 1e-12, theta[3:].exp()[GROUPS]
    linear, quadratic, residual = theta[:3].exp().tolist()

    theirs = scaled(line, linear) + scaled(square, quadratic) + scaled(rest, residual)

    expected = theirs(left - 0.5, right - 0.5).to_dense()
    assert torch.allclose(SURFACE.gram(left, right, theta).matrix, expected, atol=1e-6)


def test_linear_and_quadratic_terms_of_four_columns_have_rank_fourteen() -> None:
    points, theta = uniform(40, 4), SURFACE.start
    theta[2] = -40.0

    matrix = SURFACE.gram(points, points, theta).matrix

    # Four columns, and ten products of two of them.
    assert int(torch.linalg.matrix_rank(matrix, hermitian=True)) == 4 + 10


def test_variances_of_a_quadratic_surface_are_log_normal() -> None:
    theta, start = near_start(SURFACE), SURFACE.start
    start[3:] = theta[3:]

    lead = SURFACE.log_prior(theta)[0] - SURFACE.log_prior(start)[0]

    prior = LogNormal(torch.tensor(MEDIANS).log(), torch.tensor(VARIANCE_OF_VARIANCES).sqrt())
    expected = (prior.log_prob(theta[:3].exp()) - prior.log_prob(start[:3].exp())).sum()
    assert float(lead) == pytest.approx(float(expected))
