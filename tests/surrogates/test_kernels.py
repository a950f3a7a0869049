import pytest
import torch
from gpytorch.kernels import MaternKernel, RBFKernel
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import LogNormal

from moopt.surrogates.kernels import LENGTHSCALE_VARIANCE, Kernel, Stationary
from tests.surrogates.made_kernels import (
    GROUPS,
    KERNELS,
    MATERN,
    RBF,
    near_start,
    normal,
    uniform,
)

each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


@each_kernel
def test_the_slope_by_hyperparameters_is_that_of_autograd(kernel: Kernel) -> None:
    points, weights = uniform(6, 4), normal(6, 6)
    weights = weights + weights.mT
    theta = near_start(kernel).requires_grad_()
    gram = kernel.gram(points, points, theta)

    (expected,) = torch.autograd.grad((weights * gram.matrix).sum(), theta)

    with torch.no_grad():
        assert torch.allclose(gram.by_theta(weights), expected, rtol=1e-9, atol=1e-12)


@each_kernel
def test_the_slope_by_inputs_is_that_of_autograd(kernel: Kernel) -> None:
    left, right, weights = uniform(5, 4).requires_grad_(), uniform(7, 4, seed=1), normal(5, 7)
    gram = kernel.gram(left, right, near_start(kernel))

    (expected,) = torch.autograd.grad((weights * gram.matrix).sum(), left)

    with torch.no_grad():
        assert torch.allclose(gram.by_input(weights), expected, rtol=1e-9, atol=1e-12)


@each_kernel
def test_the_slope_of_a_point_against_itself_is_finite(kernel: Kernel) -> None:
    point = uniform(1, 4)

    slope = kernel.gram(point, point, near_start(kernel)).by_input(torch.ones(1, 1).double())

    # The covariance with a fixed point has half the slope of the variance: both ends move in that.
    expected = kernel.diagonal_slope(point, near_start(kernel)) / 2
    assert torch.allclose(slope, expected, atol=1e-6)


@each_kernel
def test_the_diagonal_is_that_of_the_matrix_and_has_its_slope(kernel: Kernel) -> None:
    points, theta = uniform(6, 4).requires_grad_(), near_start(kernel)

    diagonal = kernel.diagonal(points, theta)

    assert torch.allclose(diagonal, kernel.gram(points, points, theta).matrix.diagonal())
    (expected,) = torch.autograd.grad((diagonal + 0.0 * points.sum()).sum(), points)
    assert torch.allclose(kernel.diagonal_slope(points.detach(), theta), expected)


@each_kernel
def test_the_slope_of_the_prior_is_that_of_autograd(kernel: Kernel) -> None:
    theta = near_start(kernel).requires_grad_()
    value, slope = kernel.log_prior(theta)

    (expected,) = torch.autograd.grad(value, theta)

    assert torch.allclose(slope, expected)


@each_kernel
def test_rows_of_points_may_come_in_batches(kernel: Kernel) -> None:
    left, right, theta = uniform(2, 3, 4), uniform(5, 4, seed=1), near_start(kernel)

    batched = kernel.gram(left, right, theta).matrix

    assert torch.allclose(batched[1], kernel.gram(left[1], right, theta).matrix)


@each_kernel
@given(data=st.data())
def test_a_matrix_is_positive_semi_definite_though_points_repeat(
    kernel: Kernel, data: st.DataObject
) -> None:
    row = st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0]), min_size=4, max_size=4)
    points = torch.tensor(data.draw(st.lists(row, min_size=2, max_size=8)), dtype=torch.float64)
    theta = near_start(kernel, seed=data.draw(st.integers(0, 99)))

    values = torch.linalg.eigvalsh(kernel.gram(points, points, theta).matrix)

    assert values[0] > -1e-12 * values[-1]


@pytest.mark.parametrize(
    ("kernel", "theirs"),
    [
        (MATERN, MaternKernel(nu=2.5, ard_num_dims=4)),
        (RBF, RBFKernel(ard_num_dims=4)),
    ],
)
def test_stationary_kernels_are_those_of_gpytorch(
    kernel: Stationary, theirs: MaternKernel | RBFKernel
) -> None:
    left, right, theta = uniform(5, 4), uniform(7, 4, seed=1), near_start(kernel)
    theirs = theirs.double()
    theirs.lengthscale = theta.exp()[GROUPS]

    expected: Tensor = theirs(left, right).to_dense()

    assert torch.allclose(kernel.gram(left, right, theta).matrix, expected, atol=1e-12)


def test_lengthscales_are_log_normal_and_start_at_the_mode() -> None:
    theta = near_start(MATERN)
    prior = LogNormal(MATERN.location, LENGTHSCALE_VARIANCE**0.5)

    value, _ = MATERN.log_prior(theta)
    most, slope = MATERN.log_prior(MATERN.start)

    expected = (prior.log_prob(theta.exp()) - prior.log_prob(MATERN.start.exp())).sum()
    assert float(value - most) == pytest.approx(float(expected))
    assert slope.tolist() == pytest.approx([0.0, 0.0, 0.0])
