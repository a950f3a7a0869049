import math

import pytest
import torch
from torch import Tensor

from moopt.surrogates.derivative_kernels import WithDerivatives, derivative_rows, value_rows
from moopt.surrogates.kernels import Kernel
from tests.surrogates.made_kernels import GROUPS, MATERN, RBF, near_start, normal, uniform

KERNELS = {"matern": WithDerivatives(MATERN), "rbf": WithDerivatives(RBF)}
WIDTH = len(GROUPS)
POINTS, OTHERS = uniform(4, WIDTH, seed=1), uniform(3, WIDTH, seed=2)
ALONG, BESIDE = normal(4, WIDTH, seed=3), normal(3, WIDTH, seed=4)
ROWS = torch.cat([value_rows(POINTS, 2 * WIDTH + 1), derivative_rows(POINTS, ALONG)])
"""Values and derivatives at the same points: distances of zero are among them."""

each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def written_out(x: Tensor, y: Tensor, theta: Tensor, *, rough: bool) -> Tensor:
    """Return the kernel of two points as it is in the book."""
    squares = ((x - y) / theta.exp()[GROUPS]).square().sum()
    if not rough:
        return (-squares / 2).exp()
    distance = (5 * squares).sqrt()
    return (1 + distance + distance.square() / 3) * (-distance).exp()


@each_kernel
def test_derivatives_are_those_of_autograd_through_the_kernel(kernel: WithDerivatives) -> None:
    theta = near_start(kernel)
    left, right = derivative_rows(POINTS, ALONG), derivative_rows(OTHERS, BESIDE)

    both = kernel.gram(left, right, theta).matrix
    one = kernel.gram(POINTS, right, theta).matrix

    for row, (x, u) in enumerate(zip(POINTS, ALONG, strict=True)):
        for column, (y, v) in enumerate(zip(OTHERS, BESIDE, strict=True)):
            at = x.clone().requires_grad_(), y.clone().requires_grad_()
            value = written_out(*at, theta, rough=kernel.inner.rough)
            (by_y,) = torch.autograd.grad(value, at[1], create_graph=True)
            assert float(one[row, column]) == pytest.approx(float((by_y @ v).detach()), rel=1e-9)
            (by_both,) = torch.autograd.grad(by_y @ v, at[0])
            assert float(both[row, column]) == pytest.approx(float(by_both @ u), rel=1e-9)


@each_kernel
def test_derivatives_are_the_limit_of_differences_also_where_points_meet(
    kernel: WithDerivatives,
) -> None:
    theta, step = near_start(kernel), 1e-4
    high, low = POINTS + step * ALONG, POINTS - step * ALONG

    found = kernel.gram(ROWS, ROWS, theta).matrix

    inner = [
        [kernel.inner.gram(left, right, theta).matrix for right in (POINTS, high, low)]
        for left in (POINTS, high, low)
    ]
    assert torch.allclose(found[:4, :4], inner[0][0])
    assert torch.allclose(found[4:, :4], (inner[1][0] - inner[2][0]) / (2 * step), atol=1e-6)
    mixed = inner[1][1] - inner[1][2] - inner[2][1] + inner[2][2]
    assert torch.allclose(found[4:, 4:], mixed / (4 * step**2), rtol=1e-3, atol=1e-5)
    assert torch.allclose(found.diagonal(), kernel.diagonal(ROWS, theta))
    assert torch.linalg.eigvalsh(found).min() > 0


@each_kernel
def test_values_alone_have_the_kernel_of_the_function(kernel: WithDerivatives) -> None:
    theta = near_start(kernel)
    plain: Kernel = kernel.inner
    rows = value_rows(POINTS, 2 * WIDTH + 1)

    assert torch.equal(
        kernel.gram(POINTS, OTHERS, theta).matrix, plain.gram(POINTS, OTHERS, theta).matrix
    )
    assert torch.allclose(
        kernel.gram(rows, OTHERS, theta).matrix, plain.gram(POINTS, OTHERS, theta).matrix
    )
    assert torch.equal(kernel.diagonal(POINTS, theta), plain.diagonal(POINTS, theta))
    assert kernel.diagonal_slope(POINTS, theta).abs().sum() == 0
    assert torch.equal(kernel.start, plain.start)
    assert value_rows(POINTS, WIDTH) is POINTS


@each_kernel
def test_grams_have_the_slopes_of_differences(kernel: WithDerivatives) -> None:
    theta, step = near_start(kernel), 1e-6
    weights = normal(8, 8, seed=5)
    weights = weights + weights.mT
    across = normal(4, 8, seed=6)

    with torch.no_grad():
        by_theta = kernel.gram(ROWS, ROWS, theta).by_theta(weights)
        by_input = kernel.gram(POINTS, ROWS, theta).by_input(across)

    for place in range(len(theta)):
        along = torch.zeros_like(theta)
        along[place] = step
        up, down = (kernel.gram(ROWS, ROWS, theta + s * along).matrix for s in (1, -1))
        expected = float((weights * (up - down)).sum()) / (2 * step)
        assert float(by_theta[place]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    for place in range(WIDTH):
        along = torch.zeros_like(POINTS)
        along[:, place] = step
        up, down = (kernel.gram(POINTS + s * along, ROWS, theta).matrix for s in (1, -1))
        expected_rows = (across * (up - down)).sum(dim=1) / (2 * step)
        assert torch.allclose(by_input[:, place], expected_rows, rtol=1e-4, atol=1e-5)
    assert math.isfinite(float(by_theta.sum()))
