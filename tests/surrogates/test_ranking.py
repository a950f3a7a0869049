import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import kendalltau

from moopt.surrogates.ranking import misranked, rank_weights


def test_draws_in_the_opposite_order_are_right_about_equal_values_only() -> None:
    values = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)

    found = misranked(torch.stack([values.exp(), -values]), values)

    assert found.tolist() == pytest.approx([0.0, 2 / 3])


@given(order=st.permutations(range(7)))
def test_it_is_kendalls_tau(order: list[int]) -> None:
    values = torch.arange(7, dtype=torch.float64)
    drawn = torch.tensor(order, dtype=torch.float64)

    (found,) = misranked(drawn[None], values).tolist()

    tau = kendalltau(order, range(7)).statistic
    assert found == pytest.approx((1 - tau) / 2 * 6 / 7)


def constant(*shares: float) -> list[torch.Tensor]:
    return [torch.full((8,), share, dtype=torch.float64) for share in shares]


def test_the_source_that_ranks_best_has_all_the_weight() -> None:
    assert rank_weights(constant(0.1, 0.2)).tolist() == [1.0, 0.0]


def test_sources_that_rank_alike_share_the_weight() -> None:
    assert rank_weights(constant(0.1, 0.1)).tolist() == [0.5, 0.5]


def test_a_source_has_the_share_of_draws_in_which_it_ranks_best() -> None:
    steady = torch.full((8,), 0.3, dtype=torch.float64)
    mixed = torch.tensor([0.4] * 6 + [0.2] * 2, dtype=torch.float64)

    assert rank_weights([steady, mixed]).tolist() == [0.75, 0.25]


def test_sources_that_get_half_of_the_pairs_wrong_are_dropped() -> None:
    lucky = torch.tensor([0.6] * 5 + [0.0] * 3, dtype=torch.float64)

    assert rank_weights(constant(0.5, 0.7)).tolist() == [0.0, 0.0]
    assert rank_weights([lucky, *constant(0.4)]).tolist() == [0.0, 0.625]


@given(losses=arrays(float, (3, 9), elements=st.floats(0.0, 0.49)))
def test_weights_of_sources_that_rank_sum_to_one_and_do_not_depend_on_their_order(
    losses: NDArray[np.float64],
) -> None:
    rankings = list(torch.from_numpy(losses))

    weights = rank_weights(rankings)

    assert float(weights.sum()) == pytest.approx(1.0)
    assert torch.allclose(rank_weights(rankings[::-1]), weights.flip(0))
