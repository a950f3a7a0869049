import math

import pytest
import torch
from gpytorch.kernels import MaternKernel
from scipy.stats import logistic, norm
from torch import Tensor

from moopt.study.parameters import Categorical, Continuous
from moopt.surrogates.choice_kernels import Choices
from moopt.surrogates.features import Features
from moopt.surrogates.selection import Measured, learned_process
from moopt.surrogates.shared_choices import OWN, PLACE_VARIANCE, Shared
from tests.surrogates.made_kernels import near_start
from tests.surrogates.made_processes import UNKNOWN, points_of
from tests.surrogates.made_spaces import encoding_of

OPERATIONS = ["none", "skip", "convolution", "pool"]
COUNT = len(OPERATIONS)
EDGES = Features.of(encoding_of(*(Categorical(f"edge{at}", OPERATIONS) for at in range(3))))
MIXED = Features.of(
    encoding_of(
        Categorical("colour", ["red", "green"]),
        Continuous("rate", 0, 1),
        Categorical("shape", ["round", "square", "long"]),
        Continuous("decay", 0, 1),
    )
)
SHARED = Shared.of(EDGES.groups, EDGES.categorical, EDGES.alike)


def test_the_kernel_counts_choices_that_differ_and_knows_numbers() -> None:
    kernel = Choices.of(MIXED.groups, MIXED.categorical)
    points, theta = points_of(MIXED, 9), near_start(kernel)
    colours, shapes = points[:, :2].argmax(dim=1), points[:, 3:6].argmax(dim=1)
    weights = 0.5 * (-2.0 * theta[[0, 2]]).exp()
    differ = [each[:, None] != each[None] for each in (colours, shapes)]
    matern = MaternKernel(nu=2.5, ard_num_dims=2).double()
    matern.lengthscale = theta[[1, 3]].exp()
    numbers = matern(points[:, [2, 6]]).to_dense()

    product = numbers
    alone = numbers
    for weight, apart in zip(weights, differ, strict=True):
        product = product * (-weight * apart).exp()
        alone = alone + (-3.0 * weight * apart).exp()
    share = theta[-1].sigmoid()
    expected = (1.0 - share) * product + share * alone / 3.0

    features = MIXED.of_points(points)
    assert torch.allclose(kernel.gram(features, features, theta).matrix, expected)


def test_the_prior_of_choices_is_normal_in_the_logarithm_of_their_weights() -> None:
    kernel = Choices.of(EDGES.groups, EDGES.categorical)
    theta = near_start(kernel)

    found = kernel.log_prior(theta)[0] - kernel.log_prior(kernel.start)[0]

    # A weight is half an inverse squared lengthscale: its logarithm has a variance of one.
    logs = math.log(0.5) - 2.0 * theta[:-1]
    expected = sum(norm.logpdf(float(log), math.log(0.5)) - norm.logpdf(0.0) for log in logs)
    expected += logistic.logpdf(float(theta[-1])) - logistic.logpdf(0.0)
    assert float(found) == pytest.approx(expected)


def test_weights_of_many_choices_are_small_a_priori() -> None:
    groups = torch.arange(24).repeat_interleave(3)
    kernel = Choices.of(groups, tuple(range(24)))

    # If all differ, that is a priori as far as if six of six do.
    assert float((0.5 * (-2.0 * kernel.start[:-1]).exp()).sum()) == pytest.approx(3.0)


def places_of(theta: Tensor) -> Tensor:
    return theta[: 2 * COUNT].reshape(COUNT, 2)


def test_choices_are_as_far_apart_as_their_places_on_every_edge() -> None:
    theta = near_start(SHARED)
    theta[-1] = -60.0
    points = points_of(EDGES, 12)
    chosen = points.reshape(12, 3, COUNT).argmax(dim=2)
    places, weights = places_of(theta)[chosen], 0.5 * (-2.0 * theta[2 * COUNT : -1]).exp()

    squares = (places[:, None] - places[None]).square().sum(dim=-1)
    squares = squares + OWN * (chosen[:, None] != chosen[None])
    expected = (-(squares * weights).sum(dim=-1)).exp()

    features = EDGES.of_points(points)
    assert torch.allclose(SHARED.gram(features, features, theta).matrix, expected)


def test_places_are_normal_a_priori() -> None:
    theta = near_start(SHARED)
    start = torch.cat([torch.zeros(2 * COUNT, dtype=torch.float64), theta[2 * COUNT :]])

    found = SHARED.log_prior(theta)[0] - SHARED.log_prior(start)[0]

    scale = math.sqrt(PLACE_VARIANCE)
    expected = norm.logpdf(places_of(theta), scale=scale) - norm.logpdf(0.0, scale=scale)
    assert float(found) == pytest.approx(expected.sum())


def test_parameters_share_choices_that_are_equal_and_more_than_two() -> None:
    features = Features.of(
        encoding_of(
            Categorical("first", OPERATIONS),
            Categorical("on", [True, False]),
            Continuous("rate", 0, 1),
            Categorical("second", OPERATIONS),
            Categorical("other", [True, False]),
            Categorical("ordered", OPERATIONS, ordered=True),
            Categorical("reversed", OPERATIONS[::-1]),
        )
    )

    assert features.alike == ((0, 3),)


def test_operations_that_are_alike_are_learned_from_all_edges() -> None:
    cost = torch.tensor([0.0, 0.1, 3.0, 2.8], dtype=torch.float64)
    points = points_of(EDGES, 40, seed=3).unique(dim=0)
    chosen = points.reshape(len(points), 3, COUNT).argmax(dim=2)
    values = (cost[chosen] * torch.tensor([1.0, 0.6, 0.4])).sum(dim=1).sin()
    known = torch.arange(len(points)) % 2 == 0
    errors = torch.full((int(known.sum()),), UNKNOWN)
    measured = Measured(EDGES, points[known], values[known], errors.double())

    def error_of(kernel: str) -> float:
        process = learned_process(measured, kernel)
        means = process.measured(process.predict(points[~known])[0])
        return float((means - values[~known]).square().mean().sqrt())

    assert error_of("shared") < 0.7 * error_of("choices")
