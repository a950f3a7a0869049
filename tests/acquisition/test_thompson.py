from dataclasses import replace

import torch

from moopt.acquisition.added_volume import added_volume
from moopt.acquisition.thompson import Draws, best_in_own_draws, joint_draws
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import data_of, objective_values, outcomes_of

POOL = uniform(40, 2, seed=9)


def certain(objectives: int = 2, *, limit: float | None = None) -> Outcomes:
    """Return beliefs that hardly leave a doubt."""
    return learn_outcomes(*data_of(objectives, count=60, noise=1e-4, limit=limit), "rbf")


def test_draws_have_the_moments_of_the_process() -> None:
    outcomes = outcomes_of(2)
    process = outcomes.surrogates[0]
    assert isinstance(process, GaussianProcess)
    mean, covariance = process.predict(POOL[:5])

    drawn = joint_draws(outcomes, POOL[:5], 20_000, 0)[..., 0]

    observations = process.likelihood.observations
    standard = (drawn - observations.location) / observations.scale
    assert torch.allclose(standard.mean(dim=0), mean, atol=0.03)
    assert torch.allclose(standard.mT.cov(), covariance, atol=0.03)


def test_of_what_is_known_the_point_that_adds_most_is_chosen() -> None:
    outcomes = certain()
    data = outcomes.data
    truth = objective_values(POOL, 2)
    front = objective_values(data.points, 2)
    gains = added_volume(truth, front, data.reference_point, data.aspiration_point, 0)

    (chosen,) = best_in_own_draws(outcomes, POOL, 1, 0)

    assert gains[chosen] >= 0.9 * gains.max()


def test_points_of_a_batch_are_others_and_no_more_than_there_are() -> None:
    chosen = best_in_own_draws(outcomes_of(2), POOL, 50, 0)

    assert sorted(chosen) == list(range(40))


def test_what_is_on_the_front_elsewhere_adds_nothing_again() -> None:
    outcomes = certain()
    first = best_in_own_draws(outcomes, POOL, 1, 0)
    there = objective_values(POOL[first], 2) + 0.01

    other = best_in_own_draws(outcomes, POOL, 1, 0, elsewhere=there)

    assert other != first


def test_limits_are_kept_where_a_draw_allows_it_and_broken_least_where_not() -> None:
    kept = best_in_own_draws(certain(limit=0.5), POOL, 8, 0)
    least = best_in_own_draws(certain(limit=-0.5), POOL, 1, 0)

    assert (POOL[kept][:, 0] < 0.55).all()
    assert POOL[least][0, 0] < POOL[:, 0].quantile(0.1)


def test_where_nothing_adds_volume_the_nearest_to_the_front_is_chosen() -> None:
    outcomes = certain()
    high = replace(outcomes.data, reference_point=torch.tensor([0.5, 0.5], dtype=torch.float64))
    truth = objective_values(POOL, 2)

    (chosen,) = best_in_own_draws(outcomes.restricted(high), POOL, 1, 0)

    missing = (0.5 - truth) / truth.std(dim=0)
    assert missing.amax(dim=1)[chosen] <= missing.amax(dim=1).quantile(0.1)


def test_without_a_reference_point_something_is_chosen() -> None:
    outcomes = outcomes_of(2)
    unknown = replace(outcomes.data, reference_point=torch.full((2,), torch.nan))

    assert len(set(best_in_own_draws(outcomes.restricted(unknown), POOL, 3, 0))) == 3


def test_draws_hold_pending_trials_as_well() -> None:
    outcomes = outcomes_of(2, pending=2)

    draws = Draws.of(outcomes, POOL, 3, 0)

    assert draws.pool.shape == (3, 40, 2)
    assert draws.known.shape[1] >= 2
    assert draws.known_feasible.all()
