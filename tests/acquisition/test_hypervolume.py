import math

import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.scalarized import random_directions
from moopt.surrogates.botorch_models import botorch_model
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes
from tests.acquisition.brute_force import PathModel, log_gain_by_drawing, slopes_by_differences
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import ALONE, SITUATIONS, aspiring, outcomes_in, outcomes_of

CANDIDATES = uniform(8, 1, 2, seed=5)
WORTH = -6.5
"""Log gains above which a few thousand draws tell them."""

each_situation = pytest.mark.parametrize("situation", [*SITUATIONS, *ALONE])


def values(outcomes: Outcomes, fronts: int = 256) -> Tensor:
    return noisy_hypervolume_improvement(outcomes, 0, fronts)(CANDIDATES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "situation", ["three", "limited", "computed", "computed_third", "alone", "alone_limited"]
)
def test_the_gain_is_that_of_joint_draws(situation: str) -> None:
    outcomes = outcomes_in(situation)
    expected = log_gain_by_drawing(outcomes, CANDIDATES[:, 0], 2000)

    found = values(outcomes)

    worth = expected > WORTH
    assert worth.sum() >= 2
    assert torch.allclose(found[worth], expected[worth], atol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("situation", "aspirations"),
    [
        ("two", [-0.1, torch.inf]),
        ("two", [torch.inf, -0.1]),
        ("three", [-0.1, -0.15, -0.02]),
        ("computed", [-0.02, -0.1]),
    ],
)
def test_the_gain_below_aspirations_is_that_of_joint_draws(
    situation: str, aspirations: list[float]
) -> None:
    outcomes = aspiring(outcomes_in(situation), aspirations)
    expected = log_gain_by_drawing(outcomes, CANDIDATES[:, 0], 2000)

    found = values(outcomes)

    worth = expected > WORTH
    assert worth.sum() >= 2
    assert torch.allclose(found[worth], expected[worth], atol=0.15)


def test_aspirations_that_are_far_away_change_nothing() -> None:
    outcomes = outcomes_in("three")

    assert torch.allclose(values(aspiring(outcomes, [1e3] * 3), 4), values(outcomes, 4))


def test_where_all_aspirations_are_reached_they_count_no_more() -> None:
    outcomes = outcomes_of(2, noise=0.01)

    found = values(aspiring(outcomes, [-0.59, -0.59]), 4)

    assert torch.equal(found, values(outcomes, 4))


@pytest.mark.slow
@pytest.mark.parametrize("situation", ["two", "noisy", "pending"])
def test_the_gain_is_that_of_botorch(situation: str) -> None:
    outcomes = outcomes_in(situation)
    data = outcomes.data
    theirs = qLogNoisyExpectedHypervolumeImprovement(
        botorch_model(outcomes),
        data.reference_point,
        data.points,
        SobolQMCNormalSampler(torch.Size([1024]), seed=0),
        X_pending=data.pending if len(data.pending) else None,
        tau_relu=1e-8,
        tau_max=1e-4,
        fat=False,
    )

    found = values(outcomes)

    expected = theirs(CANDIDATES)
    worth = expected > WORTH
    assert worth.sum() >= 2
    assert torch.allclose(found[worth], expected[worth], atol=0.15)


@pytest.mark.parametrize("situation", ALONE)
def test_the_gain_of_one_objective_is_expected_improvement_over_sampled_best_values(
    situation: str,
) -> None:
    outcomes = outcomes_in(situation)
    acquisition = noisy_hypervolume_improvement(outcomes, 0)
    beliefs, reference = acquisition.beliefs, outcomes.data.reference_point
    drawn = beliefs.values[..., 0].where(beliefs.feasible, reference)
    best = drawn.max(dim=1).values.maximum(reference)

    found = acquisition(CANDIDATES)

    gains = torch.stack(
        [
            LogExpectedImprovement(PathModel(beliefs.paths[0], draw), value)(CANDIDATES)
            for draw, value in enumerate(best)
        ],
        dim=1,
    )
    for limit in beliefs.limits:
        means, deviations = beliefs.paths[limit.outcome](CANDIDATES[:, 0])
        gains += torch.special.log_ndtr((limit.bound - limit.sign * means) / deviations)
    expected = gains.logsumexp(dim=1) - math.log(gains.shape[1])
    assert torch.allclose(found, expected, rtol=0.0, atol=1e-6)


def test_directions_give_the_same_gain_of_one_objective() -> None:
    outcomes = outcomes_of(1)
    expected = values(outcomes)

    found = random_directions(outcomes, 0, 256)(CANDIDATES)

    worth = expected > WORTH
    assert worth.sum() >= 2
    assert torch.allclose(found[worth], expected[worth], atol=0.05)


def test_with_nothing_feasible_the_value_is_the_probability_to_become_so() -> None:
    outcomes = outcomes_of(2, limit=-1.0)
    process = outcomes.surrogates[2]
    assert isinstance(process, GaussianProcess)
    mean, covariance = process.predict(CANDIDATES[:, 0])
    means, deviations = process.moments(mean, covariance.diagonal().sqrt())

    found = values(outcomes, fronts=4)

    expected = torch.special.log_ndtr((-1.0 - means) / deviations)
    assert torch.allclose(found, expected, rtol=1e-3)


def test_a_pending_trial_leaves_little_to_gain_where_it_is() -> None:
    outcomes, there = outcomes_of(2, noise=0.01), CANDIDATES[[6]]
    before = noisy_hypervolume_improvement(outcomes, 0, 32)(there)

    after = noisy_hypervolume_improvement(outcomes.with_pending(there[0, 0]), 0, 32)(there)

    assert float(after) < float(before) - 3.0


@each_situation
def test_slopes_are_those_of_finite_differences(situation: str) -> None:
    outcomes = outcomes_in(situation)
    acquisition = noisy_hypervolume_improvement(outcomes, 0, 4)
    candidates = CANDIDATES[[0, 1, 6]].clone().requires_grad_()

    (slopes,) = torch.autograd.grad(acquisition(candidates).sum(), candidates)

    expected = slopes_by_differences(acquisition, CANDIDATES[[0, 1, 6]])
    assert torch.allclose(slopes[:, 0], expected, rtol=1e-3, atol=1e-3)


def test_few_fronts_are_enough_for_the_order_of_candidates() -> None:
    outcomes = outcomes_in("two")

    few, many = values(outcomes, fronts=8), values(outcomes)

    assert few.argmax() == many.argmax()
