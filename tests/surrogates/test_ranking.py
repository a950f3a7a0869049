import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.ranking import misranked, misranked_left_out, rank_weights
from moopt.surrogates.selection import Measured
from tests.surrogates.made_kernels import normal
from tests.surrogates.made_processes import process_of


def test_draws_in_the_same_order_have_no_pair_wrong_and_in_the_opposite_all() -> None:
    values = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)

    found = misranked(torch.stack([values.exp(), -values]), values)

    assert found.tolist() == [0.0, 1.0]


@given(order=st.permutations(range(7)))
def test_it_is_kendalls_tau(order: list[int]) -> None:
    values = torch.arange(7, dtype=torch.float64)
    drawn = torch.tensor(order, dtype=torch.float64)

    (found,) = misranked(drawn[None], values).tolist()

    tau = kendalltau(order, range(7)).statistic
    assert found == pytest.approx((1 - tau) / 2)


def without(process: GaussianProcess, left_out: int) -> tuple[float, float]:
    """Return mean and deviation at an observation, from the others: the slow way."""
    seen = process.likelihood.observations
    rows = [row for row in range(len(seen.values)) if row != left_out]
    covariance = process.factor @ process.factor.mT
    inverse = torch.linalg.inv(covariance[rows][:, rows])
    cross = covariance[left_out, rows]
    mean = process.constant + cross @ inverse @ (seen.values[rows] - process.constant)
    noise = process.likelihood.noise(process.theta)[left_out]
    variance = covariance[left_out, left_out] - noise - cross @ inverse @ cross
    return float(mean), float(variance.clamp_min(0.0).sqrt())


def test_left_out_draws_are_those_of_processes_that_lack_the_observation() -> None:
    process = process_of()
    values = process.likelihood.observations.values.numpy()
    moments = np.array([without(process, row) for row in range(len(values))])
    draws = np.random.default_rng(0).normal(*moments.T, (4000, len(values)))
    wrong = (draws[:, :, None] < values) != (values[:, None] < values)
    wrong[:, np.arange(len(values)), np.arange(len(values))] = False

    found = misranked_left_out(process, 4000, seed=0)

    assert float(found.mean()) == pytest.approx(wrong.sum() / 4000 / 12 / 11, abs=0.005)


def constant(*shares: float) -> list[torch.Tensor]:
    return [torch.full((8,), share, dtype=torch.float64) for share in shares]


def test_the_source_that_ranks_best_has_all_the_weight() -> None:
    good, bad, own = constant(0.1, 0.2, 0.3)

    assert rank_weights([good, bad], own, seed=0).tolist() == [1.0, 0.0]


def test_sources_that_rank_alike_share_the_weight() -> None:
    first, second, own = constant(0.1, 0.1, 0.3)

    assert rank_weights([first, second], own, seed=0).tolist() == [0.5, 0.5]


def test_sources_that_always_rank_worse_are_dropped() -> None:
    first, second, own = constant(0.4, 0.5, 0.3)

    assert rank_weights([first, second], own, seed=0).tolist() == [0.0, 0.0]


def test_a_source_that_ranks_worse_in_some_draws_is_dropped_as_often() -> None:
    own = torch.full((8,), 0.3, dtype=torch.float64)
    mixed = torch.tensor([0.4] * 6 + [0.2] * 2, dtype=torch.float64)

    kept = [float(rank_weights([mixed], own, seed=seed)) for seed in range(400)]

    # Worse in 6 of 8 draws and better in 2: dropped in half of the cases.
    assert np.mean(kept) == pytest.approx(0.5, abs=0.08)


def test_equal_seeds_give_equal_weights() -> None:
    rankings, own = list(normal(5, 32).abs()), normal(32, seed=1).abs()

    assert torch.equal(rank_weights(rankings, own, 3), rank_weights(rankings, own, 3))


def test_a_process_of_few_measurements_can_be_ranked() -> None:
    process = process_of()
    few = process.likelihood.observations
    measured = Measured(
        process.features, few.points[:3], few.values[:3], torch.full((3,), torch.nan).double()
    )

    assert misranked_left_out(process_of(measured=measured), 5, seed=0).shape == (5,)
