import math
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

from moopt.study.parameters import Categorical
from moopt.study.simplex import Simplex
from moopt.surrogates.features import Features
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.selection import (
    _CHOICES,
    Measured,
    learned_process,
)
from moopt.surrogates.suitable_kernels import ANYWHERE, kernels_for
from tests.surrogates.made_kernels import normal, uniform
from tests.surrogates.made_processes import UNKNOWN, measured_in, root_mean_square
from tests.surrogates.made_spaces import MIXED, encoding_of, numbers

LINE, PLANE = numbers(1), numbers(2)
WARPED_ONES = {"warped_quadratic", "warped_matern", "warped_rbf"}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    _CHOICES.clear()
    yield
    _CHOICES.clear()


def measured_as(
    features: Features, count: int, function: Callable[[Tensor], Tensor], noise: float = 0.02
) -> Measured:
    points = uniform(count, len(features.groups))
    values = function(points) + noise * normal(count)
    return Measured(features, points, values, torch.full_like(values, UNKNOWN))


def with_values(measured: Measured, values: Tensor) -> Measured:
    return Measured(measured.features, measured.points, values, measured.standard_errors)


def bowl(points: Tensor) -> Tensor:
    return -(points - 0.4).square().sum(dim=1)


def waves(points: Tensor) -> Tensor:
    return (25 * points[:, 0]).sin()


def creases(points: Tensor) -> Tensor:
    return (points[:, 0] - 0.5).abs().sqrt() + (8 * points[:, 1]).sin().abs()


def decades(points: Tensor) -> Tensor:
    return (6 * points[:, 0] + 3 * points[:, 1].square()).exp()


def shares(points: Tensor) -> Tensor:
    return (8 * points[:, 0] - 4 + 3 * points[:, 1]).sigmoid()


def rates(points: Tensor) -> Tensor:
    """Return a bowl of the logarithm of a rate from 0.001 to 1, which has a linear scale."""
    rate = 0.001 + 0.999 * points[:, 0]
    return -(rate.log10() + 1.5).square() - (points[:, 1] - 0.4).square()


def smooth_draw(points: Tensor, seed: int) -> Tensor:
    """Return a draw of a squared-exponential process with a lengthscale of 0.5."""
    waves = 2.0 * normal(points.shape[1], 80, seed=seed)
    phases = 2.0 * math.pi * uniform(80, seed=seed)
    return (points @ waves + phases).cos() @ normal(80, seed=seed + 1) / 6.0


def denser_at_zero(count: int, seed: int) -> Tensor:
    """Return points as a search leaves them where the first column matters near zero."""
    points = uniform(count, 2, seed=seed)
    points[:, 0] = points[:, 0].square()
    return points


def assert_equal(one: GaussianProcess, other: GaussianProcess) -> None:
    assert one.description == other.description
    assert torch.equal(one.theta, other.theta)
    assert torch.equal(one.alpha, other.alpha)


@pytest.mark.slow
@pytest.mark.parametrize("features", [PLANE, Features.of(MIXED)], ids=["numbers", "mixed"])
def test_equal_measurements_give_equal_processes_whatever_was_asked_before(
    features: Features,
) -> None:
    measured = measured_in(features, 20)
    fresh = learned_process(measured)
    _CHOICES.clear()

    asked = [learned_process(measured.first(count)) for count in (3, 9, 20)]

    assert_equal(asked[-1], fresh)
    assert_equal(learned_process(measured), fresh)


def test_a_choice_holds_until_there_are_a_quarter_more_measurements() -> None:
    measured = measured_as(LINE, 23, bowl)
    measured.values[19:] = 5 * normal(4)

    # Choices are made at 8 and at every quarter more: 10, 12, 15, 19, 24.
    early, late = learned_process(measured.first(19)), learned_process(measured)

    assert early.description == late.description


def test_a_quadratic_surface_is_told_where_it_predicts_much_better() -> None:
    process = learned_process(measured_as(numbers(6), 48, bowl, noise=0.001))

    assert process.description == "quadratic"


def test_two_of_twenty_columns_are_found() -> None:
    def ridge(points: Tensor) -> Tensor:
        return (6 * points[:, 3]).sin() + (4 * points[:, 11] * points[:, 3]).cos()

    process = learned_process(measured_as(numbers(20), 48, ridge, noise=0.001))

    assert process.kernel.name == "dense and sparse axes"


def test_creases_are_not_taken_for_a_quadratic_surface() -> None:
    process = learned_process(measured_as(PLANE, 60, creases, noise=0.0))

    assert process.kernel.name in {"Matérn-5/2", "squared exponential"}


@pytest.mark.slow
@pytest.mark.parametrize("count", [24, 60])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("features", [PLANE, numbers(5)], ids=["two", "five"])
def test_what_is_as_smooth_everywhere_is_not_warped(
    features: Features, seed: int, count: int
) -> None:
    measured = measured_as(features, count, partial(smooth_draw, seed=seed))

    assert "warped" not in learned_process(measured).description


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_changes_most_near_one_end_is_warped_and_predicted_better(seed: int) -> None:
    points, grid = denser_at_zero(40, seed), denser_at_zero(200, seed + 20)
    values = rates(points) + 0.01 * normal(40, seed=seed)
    measured = Measured(PLANE, points, values, torch.full_like(values, UNKNOWN))

    found = learned_process(measured)

    unwarped = [learned_process(measured, name) for name in ("rbf", "matern", "quadratic")]
    errors = [root_mean_square(each, grid, rates(grid)) for each in unwarped]
    assert "warped inputs" in found.description
    assert root_mean_square(found, grid, rates(grid)) < 0.5 * min(errors)


def test_few_measurements_are_not_warped() -> None:
    assert "warped" not in learned_process(measured_as(PLANE, 19, rates)).description


def test_waves_are_learned() -> None:
    process, grid = learned_process(measured_as(LINE, 40, waves)), uniform(50, 1, seed=1)

    means = process.measured(process.predict(grid)[0])

    assert float((means - waves(grid)).abs().median()) < 0.05


@pytest.mark.slow
def test_values_over_decades_are_transformed() -> None:
    measured = measured_as(PLANE, 40, decades, noise=0.0)

    found = learned_process(with_values(measured, measured.values * (0.1 * normal(40)).exp()))

    assert found.transform.name in {"log", "Yeo-Johnson"}


def test_few_values_are_not_transformed() -> None:
    measured = measured_as(PLANE, 14, decades, noise=0.0)

    assert learned_process(measured).transform.is_identity


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_later_value_outside_the_range_of_the_transform_is_learned_from(value: float) -> None:
    measured = measured_as(PLANE, 31, shares, noise=0.0)
    before = learned_process(measured.first(30))
    measured.values[30] = value

    after = learned_process(measured)

    assert before.transform.name == "logit"
    assert after.transform.is_identity
    assert len(after.alpha) == 31


@pytest.mark.parametrize("features", [PLANE, Features.of(MIXED)], ids=["numbers", "mixed"])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_few_measurements_are_enough(features: Features, count: int) -> None:
    process = learned_process(measured_in(features, count))

    mean, covariance = process.predict(process.likelihood.observations.points)
    assert mean.isfinite().all()
    assert (covariance.diagonal() <= process.kernel.diagonal(*_prior(process))).all()


def _prior(process: GaussianProcess) -> tuple[Tensor, Tensor]:
    return process.likelihood.features, process.kernel_theta


@pytest.mark.parametrize("count", [1, 5, 30])
def test_a_constant_outcome_is_learned(count: int) -> None:
    measured = measured_in(PLANE, count)

    process = learned_process(with_values(measured, torch.full((count,), 2.5).double()))

    assert process.measured(process.predict(measured.points)[0]).tolist() == pytest.approx(
        [2.5] * count
    )


def test_a_run_that_diverged_leaves_the_others_apart() -> None:
    measured = measured_as(LINE, 20, bowl)
    measured.values[7] = -1e6

    process = learned_process(measured)

    rest = torch.arange(20) != 7
    means = process.measured(process.predict(measured.points)[0])
    assert float((means - measured.values)[rest].abs().max()) < 0.2


def test_a_named_kernel_is_used_without_transform() -> None:
    measured = measured_as(PLANE, 40, decades, noise=0.0)

    assert learned_process(measured, "rbf").description == "squared exponential"


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (PLANE, {"quadratic", "matern", "rbf"} | WARPED_ONES),
        (numbers(15), {"quadratic", "matern", "rbf", "sparse"} | WARPED_ONES),
        (numbers(31), {"matern", "rbf", "sparse"}),
        (Features.of(MIXED), {"choices", "matern"}),
        (Features.of(encoding_of(Categorical("c", ["a", "b"]))), {"matern"}),
        (Features.of(encoding_of(Simplex("w", ["a", "b"]))), {"quadratic", "matern", "rbf"}),
    ],
    ids=["numbers", "fifteen", "many", "mixed", "choice", "simplex"],
)
def test_kernels_suit_the_space(features: Features, names: set[str]) -> None:
    assert set(kernels_for(features)) == names
    assert ANYWHERE in names


def test_the_measurements_to_learn_from_are_spread_over_all() -> None:
    measured = measured_in(PLANE, 50)

    few = measured.spread_out(5)

    # From the first to the last in steps of 49 / 4, rounded.
    assert torch.equal(few.values, measured.values[[0, 12, 24, 37, 49]])
    assert torch.equal(few.points, measured.points[[0, 12, 24, 37, 49]])


def test_exact_measurements_have_no_other_noise() -> None:
    measured = measured_in(PLANE, 12, errors=0.1, exact=True)

    process = learned_process(measured)

    scale = process.likelihood.observations.scale
    noise = process.likelihood.noise(process.theta).sqrt() * scale
    assert noise.tolist() == pytest.approx([0.1] * 12)
    assert math.isfinite(float(process.alpha.sum()))
