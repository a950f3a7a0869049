import pytest
import torch
from torch import Tensor

from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.paths import KNOWN, paths_through
from tests.surrogates.made_kernels import normal
from tests.surrogates.made_processes import SPACES, TRANSFORMS, points_of, process_of
from tests.surrogates.slow_twins import condition

each_kernel = pytest.mark.parametrize("kernel", SPACES)
each_transform = pytest.mark.parametrize("transform", TRANSFORMS)


def drawn_at(process: GaussianProcess, points: Tensor, count: int = 3) -> Tensor:
    return process.sample(points, normal(count, len(points)))


def front_of(process: GaussianProcess) -> Tensor:
    """Return two points that were measured and one that was not."""
    seen = process.likelihood.observations.points
    return torch.cat([seen[:2], points_of(process.features, 1, seed=5)])


@each_kernel
@each_transform
def test_the_slopes_of_paths_are_those_of_finite_differences(kernel: str, transform: str) -> None:
    process = process_of(kernel, transform)
    front = front_of(process)
    paths = paths_through(process, front, drawn_at(process, front))
    points = points_of(process.features, 2, seed=1).requires_grad_()

    assert torch.autograd.gradcheck(paths, points)


@each_kernel
@each_transform
def test_paths_go_through_what_was_drawn(kernel: str, transform: str) -> None:
    process = process_of(kernel, transform)
    front = front_of(process)
    drawn = drawn_at(process, front)

    means, deviations = paths_through(process, front, drawn)(front)

    assert torch.allclose(means, process.measured(drawn).mT, atol=1e-4)
    assert float(deviations.max()) < 3e-3


@each_kernel
@each_transform
def test_paths_through_no_points_are_the_posterior(kernel: str, transform: str) -> None:
    process = process_of(kernel, transform)
    points = points_of(process.features, 5, seed=1)
    mean, covariance = process.predict(points)

    means, deviations = paths_through(process, points[:0], torch.empty(1, 0).double())(points)

    expected = process.moments(mean, covariance.diagonal().sqrt())
    assert torch.allclose(means[:, 0], expected[0], atol=1e-6)
    assert torch.allclose(deviations[:, 0], expected[1], atol=1e-6)


@each_kernel
def test_paths_are_the_dense_distribution_given_draws_and_measurements_elsewhere(
    kernel: str,
) -> None:
    process = process_of(kernel)
    front, points = front_of(process), points_of(process.features, 4, seed=1)
    drawn = drawn_at(process, front, count=1)
    observations, theta = process.likelihood.observations, process.kernel_theta
    seen = process.features.of_points(torch.cat([observations.points[2:], front]))
    here = process.features.of_points(points)
    noise = torch.cat([process.likelihood.noise(process.theta)[2:], torch.full((3,), KNOWN)])

    means, deviations = paths_through(process, front, drawn)(points)

    away, covariance = condition(
        process.kernel.gram(here, here, theta).matrix,
        process.kernel.gram(here, seen, theta).matrix,
        process.kernel.gram(seen, seen, theta).matrix + noise.diag(),
        torch.cat([observations.values[2:], drawn[0]]) - process.constant,
    )
    expected = process.moments(process.constant + away, covariance.diagonal().sqrt())
    assert torch.allclose(means[:, 0], expected[0], atol=1e-6)
    assert torch.allclose(deviations[:, 0], expected[1], atol=1e-6)


def test_a_point_that_comes_twice_counts_once() -> None:
    process = process_of()
    front, points = front_of(process), points_of(process.features, 4, seed=1)
    drawn = drawn_at(process, front)

    once = paths_through(process, front, drawn)(points)
    twice = paths_through(process, front[[0, 1, 1, 2]], drawn[:, [0, 1, 1, 2]])(points)

    assert torch.allclose(once[0], twice[0])
    assert torch.allclose(once[1], twice[1])


def test_the_deviation_of_an_untransformed_process_is_the_same_for_all_paths() -> None:
    process = process_of()
    front, points = front_of(process), points_of(process.features, 4, seed=1)

    means, deviations = paths_through(process, front, drawn_at(process, front, count=7))(points)

    assert means.shape == (4, 7)
    assert deviations.shape == (4, 1)
