import math

import pytest
import torch
from gpytorch.kernels import MaternKernel
from torch import Tensor

from moopt.surrogates.dense_and_sparse import DenseAndSparse
from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcome_transforms import IDENTITY
from moopt.surrogates.selection import Measured, learned_process
from moopt.surrogates.sparse_axes import SparseAxes
from tests.surrogates.made_kernels import GROUPS, near_start, normal, uniform
from tests.surrogates.made_processes import UNKNOWN, root_mean_square
from tests.surrogates.made_spaces import numbers

BOTH = DenseAndSparse.of(GROUPS)
COLUMNS = 30


def one_axis_and_a_bowl(points: Tensor) -> Tensor:
    """Return waves along the first axis plus a bowl that is long and narrow and lies askew."""
    turned, _ = torch.linalg.qr(normal(COLUMNS - 1, COLUMNS - 1, seed=5))
    weights = torch.logspace(0, -2, COLUMNS - 1, dtype=torch.float64)
    away = (points[:, 1:] - 0.4) @ turned
    bowl: Tensor = away.square() @ weights
    return (2.0 * math.pi * points[:, 0]).sin() - bowl


def test_the_kernel_is_the_weighted_mean_of_gpytorchs() -> None:
    left, right, theta = uniform(5, 4), uniform(7, 4, seed=1), near_start(BOTH)
    matrices = []
    for part in theta[:-1].split(BOTH.dense.count):
        kernel = MaternKernel(nu=2.5, ard_num_dims=4).double()
        kernel.lengthscale = part.exp()[GROUPS]
        matrices.append(kernel(left, right).to_dense())
    share = theta[-1].sigmoid()

    matrix = BOTH.gram(left, right, theta).matrix

    expected = (1 - share) * matrices[0] + share * torch.stack(matrices[1:]).mean(dim=0)
    assert torch.allclose(matrix, expected, atol=1e-9)


@pytest.mark.parametrize("seed", [10, 11])
def test_an_axis_beside_a_bowl_is_predicted_better_than_by_one_kind_of_axes(seed: int) -> None:
    points, others = uniform(60, COLUMNS, seed=seed), uniform(500, COLUMNS, seed=1)
    values, truth = one_axis_and_a_bowl(points), one_axis_and_a_bowl(others)
    measured = Measured(numbers(COLUMNS), points, values, torch.full_like(values, UNKNOWN))

    process = learned_process(measured)
    sparse = measured.likelihood(SparseAxes.of(measured.features.groups), IDENTITY)
    alone = GaussianProcess.of(measured.features, sparse, fit(sparse).theta, IDENTITY)

    assert process.kernel.name == "dense and sparse axes"
    error = root_mean_square(process, others, truth)
    assert error < root_mean_square(alone, others, truth)
    assert error < root_mean_square(learned_process(measured, "rbf"), others, truth)
    assert error < root_mean_square(learned_process(measured, "matern"), others, truth)


def test_with_few_measurements_a_simpler_kernel_comes_first() -> None:
    points = uniform(12, COLUMNS)
    noise = normal(12)

    process = learned_process(
        Measured(numbers(COLUMNS), points, noise, torch.full_like(noise, UNKNOWN))
    )

    assert process.kernel.name == "quadratic"
