import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.front.utilities import (
    lexicographic_choice,
    log_nash_product,
    log_sigmoid_utility,
    smallest_gain,
)
from tests.strategies import Points, point_sets

ORIGIN = np.zeros(3)
ONES = np.ones(3)


@given(point_sets())
def test_the_utility_is_the_log_probability_that_everything_is_good(points: Points) -> None:
    good, scale = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5, 2.0])

    probabilities = 1 / (1 + np.exp(-(points - good) / scale))

    assert log_sigmoid_utility(points, good, scale) == pytest.approx(
        np.log(probabilities).sum(axis=1)
    )


def test_a_surplus_does_not_make_up_for_a_lack() -> None:
    even, uneven = log_sigmoid_utility(np.array([[0.0, 0.0], [-5.0, 50.0]]), ONES[:2], ONES[:2])

    assert even > uneven


def test_a_hopeless_value_costs_what_it_lacks_and_does_not_overflow() -> None:
    utility = log_sigmoid_utility(np.array([[-1e6, 1e6]]), np.zeros(2), np.ones(2))

    assert utility.tolist() == [-1e6]


def test_a_utility_needs_positive_scales() -> None:
    with pytest.raises(ValueError, match="needs scales > 0"):
        log_sigmoid_utility(np.zeros((1, 2)), np.zeros(2), np.array([1.0, 0.0]))


@given(point_sets())
def test_the_nash_product_is_that_of_the_gains(points: Points) -> None:
    product = np.where((points > 1).all(axis=1), np.prod(points - 1, axis=1), 0.0)

    assert np.exp(log_nash_product(points, ONES)) == pytest.approx(product)


@given(point_sets())
def test_units_change_the_nash_product_of_all_points_alike(points: Points) -> None:
    units = np.array([1e3, 1e-3, 8.0])

    scaled = log_nash_product(points * units, ORIGIN)

    assert scaled == pytest.approx(log_nash_product(points, ORIGIN) + math.log(8.0))


def test_the_smallest_gain_is_a_share_of_the_way_to_the_ideal() -> None:
    values = np.array([[5.0, 3.0], [2.0, 4.0]])

    # By hand: (4/10, 1/2) and (1/10, 2/2).
    assert smallest_gain(values, np.array([1.0, 2.0]), np.array([11.0, 4.0])) == pytest.approx(
        [0.4, 0.1]
    )


def test_a_gain_needs_an_ideal_beyond_the_disagreement() -> None:
    with pytest.raises(ValueError, match="better than the disagreement point in every objective"):
        smallest_gain(np.ones((1, 3)), ORIGIN, np.array([1.0, 0.0, 1.0]))


@given(point_sets(), st.permutations([0, 1, 2]))
def test_without_tolerance_the_choice_is_the_largest_tuple(
    points: Points, order: list[int]
) -> None:
    chosen = lexicographic_choice(points, order, ORIGIN)

    assert tuple(points[chosen, order]) == max(map(tuple, points[:, order].tolist()))


def test_what_is_within_the_tolerance_is_left_to_the_next_objective() -> None:
    values = np.array([[0.8, 1.0], [0.7, 2.0], [0.6, 3.0]])

    assert lexicographic_choice(values, [0, 1], np.array([0.0, 0.0])) == 0
    # 0.8 - 0.1 is above 0.7 in floating point.
    assert lexicographic_choice(values, [0, 1], np.array([0.1, 0.0])) == 1
    assert lexicographic_choice(values, [0, 1], np.array([9.0, 0.0])) == 2


@pytest.mark.parametrize(
    ("count", "order", "tolerance", "message"),
    [
        (0, [0], 0.0, "needs points and columns, got 0 points"),
        (1, [], 0.0, "and 0 columns"),
        (1, [0], -1.0, "needs tolerances >= 0"),
    ],
)
def test_a_choice_from_nothing_is_refused(
    count: int, order: list[int], tolerance: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        lexicographic_choice(np.zeros((count, 1)), order, np.array([tolerance]))
