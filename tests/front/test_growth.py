"""The hypervolume of growing sets of points: exact where it can be, near where it cannot."""

import numpy as np
import pytest

from moopt.front.growth import affordable_hypervolume, estimated_growth, hypervolume_growth
from moopt.front.hypervolume import hypervolume


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_growth_is_the_exact_hypervolume_of_every_beginning(objectives: int) -> None:
    values = np.random.default_rng(0).random((40, objectives))
    reference = np.full(objectives, 0.2)

    growth = hypervolume_growth(values, np.ones(40, dtype=bool), reference)

    expected = [hypervolume(values[: count + 1], reference) for count in range(40)]
    np.testing.assert_allclose(growth, expected, rtol=1e-12)


def test_what_does_not_count_has_a_place_and_adds_nothing() -> None:
    values = np.array([[np.nan, 1.0], [1.0, 1.0], [9.0, 9.0], [2.0, 0.5]])
    counted = np.array([False, True, False, True])

    growth = hypervolume_growth(values, counted, np.zeros(2))

    assert growth.tolist() == [0.0, 1.0, 1.0, 1.5]


@pytest.mark.parametrize("objectives", [3, 6, 9])
def test_the_estimate_is_near_the_exact_volume(objectives: int) -> None:
    values = 0.5 + np.random.default_rng(1).random((30, objectives)) * np.arange(1, objectives + 1)
    reference = np.full(objectives, 0.5)

    estimated = estimated_growth(values, reference)

    assert estimated[-1] == pytest.approx(hypervolume(values, reference), rel=0.02)
    assert (np.diff(estimated) >= 0).all()


def test_nine_objectives_and_two_hundred_points_are_affordable() -> None:
    values = np.random.default_rng(2).random((200, 9))

    volume = affordable_hypervolume(values, np.zeros(9))

    # One point alone is a lower bound, the unit cube an upper one.
    assert np.prod(values, axis=1).max() < volume < 1.0
    counted = np.ones(200, dtype=bool)
    assert hypervolume_growth(values, counted, np.zeros(9))[-1] == volume


def test_nothing_above_the_reference_has_no_volume() -> None:
    values = np.random.default_rng(3).random((40, 7))

    assert hypervolume_growth(values, np.ones(40, dtype=bool), np.ones(7)).tolist() == [0.0] * 40
    assert hypervolume_growth(values, np.zeros(40, dtype=bool), np.zeros(7)).tolist() == [0.0] * 40
