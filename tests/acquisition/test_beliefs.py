import pytest
import torch
from torch import Tensor

from moopt.acquisition.beliefs import draw_beliefs
from moopt.front.dominance import is_nondominated
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes
from tests.surrogates.made_outcomes import outcomes_of

DRAWS = 512


def posterior_of(outcomes: Outcomes, column: int, points: Tensor) -> tuple[Tensor, Tensor]:
    process = outcomes.surrogates[column]
    assert isinstance(process, GaussianProcess)
    mean, covariance = process.predict(points)
    return process.moments(mean, covariance.diagonal().sqrt())


def test_draws_have_the_moments_of_the_posterior() -> None:
    outcomes = outcomes_of(2, noise=0.3, limit=0.5)

    drawn = draw_beliefs(outcomes, DRAWS, seed=1).values[..., 1]

    # With a limit every trial may matter, so that all are drawn.
    means, deviations = posterior_of(outcomes, 1, outcomes.data.points)
    assert torch.allclose(drawn.mean(dim=0), means, atol=0.02)
    assert torch.allclose(drawn.std(dim=0), deviations, rtol=0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_outcomes_are_drawn_independently(seed: int) -> None:
    drawn = draw_beliefs(outcomes_of(3, noise=0.3), DRAWS, seed).values
    standard = (drawn - drawn.mean(dim=0)) / drawn.std(dim=0)

    correlations = (standard[:, :, [0, 0, 1]] * standard[:, :, [1, 2, 2]]).mean(dim=0)

    assert float(correlations.abs().max()) < 5 / DRAWS**0.5


def test_equal_seeds_give_equal_draws() -> None:
    outcomes = outcomes_of(2, pending=1)

    one, same, other = (draw_beliefs(outcomes, 4, seed).values for seed in (7, 7, 8))

    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_formula_is_the_same_in_all_draws() -> None:
    outcomes = outcomes_of(1, formula=True, limit=0.9)

    drawn = draw_beliefs(outcomes, 4, seed=0).values[..., 1]

    assert torch.allclose(drawn, outcomes.data.outcomes[:, 1].expand(4, -1))


def test_draws_that_break_a_limit_are_not_feasible() -> None:
    beliefs = draw_beliefs(outcomes_of(2, limit=0.5), 8, seed=0)

    assert torch.equal(beliefs.feasible, beliefs.values[..., 2] <= 0.5)
    assert 0 < beliefs.feasible.double().mean() < 1


def test_trials_that_are_surely_dominated_are_left_out() -> None:
    outcomes = outcomes_of(2, noise=0.01)

    drawn = draw_beliefs(outcomes, 8, seed=0).values

    measured = outcomes.data.outcomes.numpy()
    assert is_nondominated(measured).sum() <= drawn.shape[1] < len(measured)


def test_paths_go_through_draws_on_the_front_and_at_pending_trials() -> None:
    outcomes = outcomes_of(2, pending=1)
    beliefs = draw_beliefs(outcomes, 8, seed=0)

    means = torch.stack([path(outcomes.data.pending)[0][0] for path in beliefs.paths], dim=-1)

    # The pending trial is the last that is drawn.
    assert torch.allclose(means, beliefs.values[:, -1], atol=1e-4)
