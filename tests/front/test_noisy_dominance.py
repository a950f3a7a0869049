import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moopt.front.dominance import is_nondominated
from moopt.front.noisy_dominance import probability_on_front, share_on_front
from tests.strategies import Points, point_sets


def probability_of_being_dominated(means: Points, errors: Points) -> float:
    """Return in closed form how likely the second of two rows dominates the first."""
    better = [
        NormalDist().cdf(gap / spread)
        for gap, spread in zip(means[1] - means[0], np.hypot(*errors), strict=True)
    ]
    return math.prod(better)


@pytest.mark.parametrize("gap", [-1.0, 0.0, 0.7])
def test_two_noisy_points_agree_with_the_closed_form(gap: float) -> None:
    means = np.array([[0.0, 0.0, 0.0], [gap, 0.5, 1.0]])
    errors = np.array([[0.3, 0.4, 1.0], [0.4, 0.3, 0.5]])

    likely = probability_on_front(means, errors, seed=3, draws=5000)

    # Five standard errors of the average.
    assert likely == pytest.approx(
        [
            1 - probability_of_being_dominated(means, errors),
            1 - probability_of_being_dominated(means[::-1], errors[::-1]),
        ],
        abs=5 * 0.5 / math.sqrt(5000),
    )


@given(point_sets())
def test_without_noise_the_front_is_certain(means: Points) -> None:
    likely = probability_on_front(means, np.zeros_like(means), seed=0, draws=2)

    assert likely.tolist() == is_nondominated(means).tolist()


@given(point_sets(), st.floats(0.0, 3.0), st.integers(0, 99))
def test_a_probability_is_between_0_and_1_and_somebody_is_on_the_front(
    means: Points, error: float, seed: int
) -> None:
    likely = probability_on_front(means, np.full_like(means, error), seed=seed, draws=16)

    assert ((likely >= 0) & (likely <= 1)).all()
    assert likely.sum() >= 1 - 1e-12


def test_a_point_certainly_dominated_has_no_chance() -> None:
    means = np.array([[0.0, 0.0], [100.0, 100.0]])

    assert probability_on_front(means, np.ones((2, 2)), seed=1).tolist() == [0.0, 1.0]


def test_the_same_seed_draws_the_same() -> None:
    means, errors = np.array([[0.0, 1.0], [0.2, 0.9]]), np.ones((2, 2))

    first, again, other = (probability_on_front(means, errors, seed=seed) for seed in (5, 5, 6))

    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@given(hnp.arrays(np.float64, (4, 5, 2), elements=st.integers(0, 3).map(float)))
def test_the_share_counts_the_samples_in_which_nobody_dominates(
    samples: np.ndarray[tuple[int, int, int], np.dtype[np.float64]],
) -> None:
    one, other = samples[:, :, None], samples[:, None]  # [s, i, j, m]: j against i
    dominated = ((other >= one).all(axis=-1) & (other > one).any(axis=-1)).any(axis=-1)

    assert share_on_front(samples) == pytest.approx(1 - dominated.mean(axis=0))


def test_samples_that_move_together_keep_the_order() -> None:
    shifts = np.random.default_rng(0).normal(scale=9.0, size=(50, 1, 1))
    samples = np.array([[0.0, 0.0], [0.1, 0.1]]) + shifts

    assert share_on_front(samples).tolist() == [0.0, 1.0]


def test_what_has_no_probability_is_refused() -> None:
    point = np.zeros((1, 2))

    with pytest.raises(ValueError, match="finite standard errors >= 0"):
        probability_on_front(point, -np.ones((1, 2)), seed=0)
    with pytest.raises(ValueError, match="needs at least one point"):
        probability_on_front(np.empty((0, 2)), np.empty((0, 2)), seed=0)
    with pytest.raises(ValueError, match="at least one sample"):
        probability_on_front(point, np.ones((1, 2)), seed=0, draws=0)
    with pytest.raises(ValueError, match="samples of a front need finite numbers"):
        share_on_front(np.full((1, 1, 2), np.nan))
