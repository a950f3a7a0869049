import math

import pytest
import torch
from torch import Tensor

from moopt.acquisition.epsilon_constraint import (
    EpsilonConstraintImprovement,
    epsilon_constraint_improvement,
)
from tests.acquisition.brute_force import independent_draws, slopes_by_differences
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import SITUATIONS, outcomes_in

CANDIDATES = uniform(120, 1, 2, seed=5)


def improvement(situation: str, least: float = -0.6) -> EpsilonConstraintImprovement:
    outcomes = outcomes_in(situation)
    floors = torch.full((outcomes.data.objective_count,), -0.1, dtype=torch.float64)
    return epsilon_constraint_improvement(outcomes, 0, objective=0, floors=floors, least=least)


def by_drawing(acquisition: EpsilonConstraintImprovement, draws: int) -> Tensor:
    """Return the log of the mean improvement within all limits, of independent normal draws."""
    terms = len(acquisition.best)
    values = independent_draws(acquisition.beliefs.paths, CANDIDATES[:, 0], draws, terms)
    gain = (values[acquisition.objective] - acquisition.best).clamp_min(0.0)
    for limit in acquisition.limits:
        gain = gain * (limit.sign * values[limit.outcome] <= limit.bound)
    return gain.mean(dim=(0, 2)).log()


@pytest.mark.parametrize("situation", ["two", "noisy", "limited", "pending"])
def test_the_gain_is_that_of_many_draws(situation: str) -> None:
    acquisition = improvement(situation)

    found, expected = acquisition(CANDIDATES), by_drawing(acquisition, 2000)

    likely = found > -5
    assert likely.sum() >= 2
    assert torch.allclose(found[likely], expected[likely], atol=0.15)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_gradient_is_that_of_differences(situation: str) -> None:
    acquisition = improvement(situation)
    best = CANDIDATES[acquisition(CANDIDATES).topk(2).indices]
    candidates = best.clone().requires_grad_()

    (slopes,) = torch.autograd.grad(acquisition(candidates).sum(), candidates)

    expected = slopes_by_differences(acquisition, best)
    assert torch.allclose(slopes[:, 0], expected, rtol=1e-3, atol=1e-4)


def test_what_is_reached_within_the_floors_is_the_least_that_counts() -> None:
    easy, hard = improvement("two", least=-9.0), improvement("two", least=5.0)

    drawn = easy.beliefs.values
    within = torch.where(drawn[..., 1] >= -0.1, drawn[..., 0], -9.0)
    assert torch.equal(easy.best, within.max(dim=1).values.clamp_min(-9.0))
    assert hard.best.tolist() == [5.0] * len(hard.best)
    assert (hard(CANDIDATES) < easy(CANDIDATES)).all()


def test_without_floors_it_is_expected_improvement() -> None:
    outcomes = outcomes_in("alone")
    floors = torch.tensor([-math.inf], dtype=torch.float64)
    found = epsilon_constraint_improvement(outcomes, 0, objective=0, floors=floors, least=-9.0)

    mean, deviation = found.beliefs.paths[0](CANDIDATES[:, 0])

    # Jones, Schonlau and Welch (1998), equation 15.
    z = (mean - found.best) / deviation
    normal = torch.distributions.Normal(torch.zeros(()).double(), 1.0)
    gain = deviation * (z * normal.cdf(z) + normal.log_prob(z).exp())
    likely = gain.mean(dim=1) > 1e-6
    assert likely.any()
    assert torch.allclose(found(CANDIDATES)[likely], gain.mean(dim=1).log()[likely], rtol=1e-4)
