import math

import pytest
import torch
from torch import Tensor

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.preference import preference_improvement
from moopt.acquisition.scalarized import DirectionalImprovement
from tests.acquisition.brute_force import independent_draws, slopes_by_differences
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import SITUATIONS, aspiring, outcomes_in, outcomes_of

CANDIDATES = uniform(60, 1, 2, seed=5)


def even(objectives: int) -> Tensor:
    return torch.full((objectives,), 1 / objectives, dtype=torch.float64)


def by_drawing(acquisition: DirectionalImprovement, draws: int) -> Tensor:
    """Return the log of the mean way that independent normal draws add within the limits."""
    terms = len(acquisition.reached)
    values = independent_draws(acquisition.beliefs.paths, CANDIDATES[:, 0], draws, terms)
    ahead = torch.stack(values[: len(acquisition.reference_point)], dim=-1)
    ways = ((ahead - acquisition.reference_point) / acquisition.directions).min(dim=3).values
    gain = (ways.minimum(acquisition.ends) - acquisition.reached).clamp_min(0.0)
    for limit in acquisition.beliefs.limits:
        gain = gain * (limit.sign * values[limit.outcome] <= limit.bound)
    return gain.mean(dim=(0, 2)).log()


@pytest.mark.parametrize("situation", ["two", "noisy", "limited", "pending"])
@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.9, 0.1)])
def test_the_gain_is_that_of_many_draws(situation: str, weights: tuple[float, float]) -> None:
    preference = torch.tensor(weights, dtype=torch.float64)
    acquisition = preference_improvement(outcomes_in(situation), 0, preference)

    found, expected = acquisition(CANDIDATES), by_drawing(acquisition, 1000)

    likely = found > -5
    assert likely.any()
    assert torch.allclose(found[likely], expected[likely], atol=0.2)


def test_ways_end_at_aspirations() -> None:
    outcomes = aspiring(outcomes_of(2), [-0.1, math.inf])
    acquisition = preference_improvement(outcomes, 0, even(2))

    found, expected = acquisition(CANDIDATES), by_drawing(acquisition, 1000)

    likely = found > -5
    assert likely.any()
    assert torch.allclose(found[likely], expected[likely], atol=0.2)


def test_with_one_objective_it_is_expected_improvement() -> None:
    outcomes = outcomes_of(1)

    found = preference_improvement(outcomes, 0, even(1))
    expected = noisy_hypervolume_improvement(outcomes, 0, 8)(CANDIDATES)

    # Only the unit differs.
    scale = found.directions[0].log()
    likely = expected > -8
    assert likely.sum() >= 2
    assert torch.allclose((found(CANDIDATES) + scale)[likely], expected[likely], atol=0.05)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_gradient_is_that_of_differences(situation: str) -> None:
    outcomes = outcomes_in(situation)
    acquisition = preference_improvement(outcomes, 0, even(outcomes.data.objective_count))
    best = CANDIDATES[acquisition(CANDIDATES).topk(2).indices]
    candidates = best.clone().requires_grad_()

    (slopes,) = torch.autograd.grad(acquisition(candidates).sum(), candidates)

    expected = slopes_by_differences(acquisition, best)
    assert torch.allclose(slopes[:, 0], expected, rtol=1e-2, atol=1e-2)


def test_a_weight_of_nothing_leaves_a_direction() -> None:
    preference = torch.tensor([1.0, 0.0], dtype=torch.float64)

    acquisition = preference_improvement(outcomes_of(2), 0, preference)

    assert (acquisition.directions > 0).all()
    assert acquisition(CANDIDATES).isfinite().all()
