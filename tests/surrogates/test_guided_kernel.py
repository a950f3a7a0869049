import torch

from moopt.surrogates.guided_kernel import Guided
from moopt.surrogates.kernels import Stationary
from tests.surrogates.made_kernels import GROUPS, near_start, uniform

REST = Stationary(GROUPS[:3], rough=True)
KERNEL = Guided(REST)


def test_it_is_a_rest_plus_what_the_guide_says_at_both_points() -> None:
    left, right = uniform(5, 4), uniform(7, 4, seed=1)
    theta = near_start(KERNEL)
    rest, guide = theta[-2:].exp()

    found = KERNEL.gram(left, right, theta).matrix

    own = REST.gram(left[:, :3], right[:, :3], theta[:-2]).matrix
    assert torch.allclose(found, rest * own + guide * torch.outer(left[:, 3], right[:, 3]))


def test_the_diagonal_is_that_of_the_matrix() -> None:
    points, theta = uniform(6, 4), near_start(KERNEL)

    found = KERNEL.diagonal(points, theta)

    assert torch.allclose(found, KERNEL.gram(points, points, theta).matrix.diagonal())


def test_without_a_guide_and_with_all_of_the_rest_it_is_the_rest() -> None:
    points = uniform(6, 4)
    theta = torch.cat([REST.start, torch.tensor([0.0, -60.0], dtype=torch.float64)])

    found = KERNEL.gram(points, points, theta).matrix

    assert torch.allclose(found, REST.gram(points[:, :3], points[:, :3], REST.start).matrix)
