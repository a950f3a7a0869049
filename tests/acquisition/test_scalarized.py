import math

import pytest
import torch

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.scalarized import random_directions
from moopt.surrogates.gaussian_process import GaussianProcess
from tests.acquisition.brute_force import slopes_by_differences
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import aspiring, outcomes_of

CANDIDATES = uniform(8, 1, 2, seed=5)


def volume_of_directions(objectives: int) -> float:
    """Return the volume of the positive part of the unit ball, which the average leaves out."""
    return float(math.pi ** (objectives / 2) / (2**objectives * math.gamma(objectives / 2 + 1)))


def test_the_positive_part_of_the_unit_disc_is_a_quarter() -> None:
    assert volume_of_directions(2) == pytest.approx(math.pi / 4)


@pytest.mark.slow
@pytest.mark.parametrize(("objectives", "limit"), [(2, None), (3, None), (2, 0.7)])
def test_many_directions_give_the_gain_by_boxes(objectives: int, limit: float | None) -> None:
    outcomes = outcomes_of(objectives, limit=limit)
    expected = noisy_hypervolume_improvement(outcomes, 0, 256)(CANDIDATES)

    found = random_directions(outcomes, 0, 2048)(CANDIDATES) + math.log(
        volume_of_directions(objectives)
    )

    worth = expected > -6.5
    assert worth.sum() >= 3
    assert torch.allclose(found[worth], expected[worth], atol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("aspirations", [[-0.1, math.inf], [math.inf, -0.1], [-0.1, -0.15, -0.02]])
def test_many_directions_give_the_gain_by_boxes_below_aspirations(aspirations: list[float]) -> None:
    outcomes = aspiring(outcomes_of(len(aspirations)), aspirations)
    expected = noisy_hypervolume_improvement(outcomes, 0, 256)(CANDIDATES)

    found = random_directions(outcomes, 0, 2048)(CANDIDATES) + math.log(
        volume_of_directions(len(aspirations))
    )

    worth = expected > -6.5
    assert worth.sum() >= 3
    assert torch.allclose(found[worth], expected[worth], atol=0.15)


def test_where_all_aspirations_are_reached_they_count_no_more() -> None:
    outcomes = outcomes_of(2, noise=0.01)

    found = random_directions(aspiring(outcomes, [-0.59, -0.59]), 0)(CANDIDATES)

    assert torch.equal(found, random_directions(outcomes, 0)(CANDIDATES))


@pytest.mark.slow
def test_nine_objectives_have_values_and_slopes() -> None:
    candidates = uniform(8, 1, 3, seed=5).requires_grad_()

    found = random_directions(outcomes_of(9, columns=3), 0)(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    assert found.isfinite().all()
    assert slopes.isfinite().all()
    assert (slopes.abs().sum(dim=(1, 2)) > 0).all()


def test_with_nothing_feasible_the_value_is_the_probability_to_become_so() -> None:
    outcomes = outcomes_of(2, limit=-1.0)
    process = outcomes.surrogates[2]
    assert isinstance(process, GaussianProcess)
    mean, covariance = process.predict(CANDIDATES[:, 0])
    means, deviations = process.moments(mean, covariance.diagonal().sqrt())

    found = random_directions(outcomes, 0)(CANDIDATES)

    expected = torch.special.log_ndtr((-1.0 - means) / deviations)
    assert torch.allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("aspirations", [[math.inf, math.inf], [-0.2, -0.3]])
def test_slopes_are_those_of_finite_differences(aspirations: list[float]) -> None:
    acquisition = random_directions(aspiring(outcomes_of(2), aspirations), 0)
    candidates = CANDIDATES[[0, 1, 6]].clone().requires_grad_()

    (slopes,) = torch.autograd.grad(acquisition(candidates).sum(), candidates)

    expected = slopes_by_differences(acquisition, CANDIDATES[[0, 1, 6]])
    assert torch.allclose(slopes[:, 0], expected, rtol=1e-2, atol=1e-2)
