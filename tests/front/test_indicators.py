import math
from collections.abc import Callable

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.front.dominance import is_nondominated
from moopt.front.hypervolume import (
    hypervolume,
    hypervolume_contributions,
    normalized_hypervolume,
)
from moopt.front.indicators import (
    additive_epsilon,
    expected_utility,
    igd_plus,
    maximum_utility_loss,
    r2,
    sparsity,
)
from moopt.front.preference_weights import preference_weights, simplex_lattice
from tests.strategies import Points, point_sets

UTOPIA = np.full(3, 5.0)
BEST_FIRST = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])

LOSSES: list[Callable[[Points, Points], float]] = [
    igd_plus,
    additive_epsilon,
    maximum_utility_loss,
    lambda values, _: r2(values, utopia=UTOPIA),
    lambda values, _: -expected_utility(values),
    lambda values, _: -hypervolume(values, np.zeros(3)),
]


def shortfall(value: float, wanted: float) -> float:
    return max(wanted - value, 0.0)


@given(point_sets(), point_sets())
def test_igd_plus_is_the_mean_shortest_way_up(values: Points, front: Points) -> None:
    shortest = [min(math.hypot(*map(shortfall, p, z)) for p in values) for z in front]

    assert igd_plus(values, front) == pytest.approx(np.mean(shortest))


@given(point_sets(), point_sets())
def test_additive_epsilon_is_the_lift_that_reaches_every_point(
    values: Points, front: Points
) -> None:
    lift = max(min(max(z - p) for p in values) for z in front)

    assert additive_epsilon(values, front) == pytest.approx(lift)


@given(point_sets())
def test_no_indicator_finds_a_set_lacking_against_itself(values: Points) -> None:
    assert igd_plus(values, values) == 0.0
    assert additive_epsilon(values, values) == 0.0
    assert maximum_utility_loss(values, values) == 0.0


@pytest.mark.parametrize("loss", LOSSES)
@given(values=point_sets(), front=point_sets(), added=point_sets(count=1))
def test_one_more_point_never_makes_a_set_worse(
    loss: Callable[[Points, Points], float], values: Points, front: Points, added: Points
) -> None:
    assert loss(np.vstack([values, added]), front) <= loss(values, front) + 1e-12


def test_r2_averages_the_distances_of_the_best_points() -> None:
    weights = np.array([[1.0, 0.0], [0.5, 0.5]])

    distance = r2(np.array([[0.8, 0.4], [0.6, 0.6]]), utopia=np.ones(2), weights=weights)

    # By hand: 0.2 from the first point, 0.5 x 0.4 from the second.
    assert distance == pytest.approx(0.2)


@given(point_sets(objectives=2))
def test_r2_on_a_fine_lattice_comes_near_to_the_exact_one(values: Points) -> None:
    utopia = np.full(2, 6.0)

    distance = r2(values, utopia=utopia, weights=simplex_lattice(2, 2000))

    assert distance == pytest.approx(moocore.r2_exact(values, ref=utopia, maximise=True), rel=2e-3)


def test_r2_refuses_a_utopia_that_a_point_beats() -> None:
    with pytest.raises(ValueError, match="utopia point at least as good as every value"):
        r2(np.array([[0.5, 1.5]]), utopia=np.ones(2))


def test_expected_utility_lets_each_preference_have_its_best_point() -> None:
    front = np.array([[1.0, 0.0], [0.0, 1.0]])

    # The mean of max(w, 1 - w) on the 101 weights, by the sum of 0.50, 0.51, ..., 1.00 both ways.
    assert expected_utility(front) == pytest.approx((2 * 38.25 - 0.5) / 101)


def test_the_utility_loss_is_that_of_whoever_is_served_worst() -> None:
    assert maximum_utility_loss(BEST_FIRST[:2], BEST_FIRST) == pytest.approx(1.0)
    assert maximum_utility_loss(BEST_FIRST + 0.25, BEST_FIRST) == pytest.approx(-0.25)


def test_sparsity_is_the_mean_squared_gap() -> None:
    # By hand: two gaps of 1 in each of two objectives, over two neighbourhoods.
    assert sparsity(BEST_FIRST) == pytest.approx(2.0)


def test_sparsity_cannot_tell_a_single_point_from_a_dense_front() -> None:
    assert sparsity(BEST_FIRST[:1]) == 0.0
    assert sparsity(np.empty((0, 2))) == 0.0


@pytest.mark.parametrize("indicator", [igd_plus, additive_epsilon, maximum_utility_loss])
def test_an_indicator_needs_points_and_numbers(
    indicator: Callable[[Points, Points], float],
) -> None:
    with pytest.raises(ValueError, match="needs at least one point"):
        indicator(np.empty((0, 2)), BEST_FIRST)
    with pytest.raises(ValueError, match="needs finite numbers"):
        indicator(BEST_FIRST, np.array([[np.nan, 1.0]]))


@given(st.integers(1, 5), st.integers(1, 6))
def test_a_lattice_holds_every_multiple_that_sums_to_one(objectives: int, divisions: int) -> None:
    lattice = simplex_lattice(objectives, divisions)

    assert len(np.unique(lattice, axis=0)) == math.comb(divisions + objectives - 1, objectives - 1)
    assert (lattice >= 0).all()
    assert lattice.sum(axis=1) == pytest.approx(1.0)
    assert lattice * divisions == pytest.approx(np.round(lattice * divisions))


def test_preferences_are_those_of_c_morl() -> None:
    # Steps of 0.01, 0.1 and, with nine objectives, 0.5: 9 corners and 36 pairs.
    assert [len(preference_weights(m)) for m in (2, 3, 9)] == [101, 66, 45]


def test_a_lattice_needs_a_division() -> None:
    with pytest.raises(ValueError, match="divisions >= 1, got 2 and 0"):
        simplex_lattice(2, 0)


@given(point_sets())
def test_a_contribution_is_what_is_lost_without_the_point(points: Points) -> None:
    lost = [
        hypervolume(points, np.ones(3)) - hypervolume(np.delete(points, row, axis=0), np.ones(3))
        for row in range(len(points))
    ]

    assert hypervolume_contributions(points, np.ones(3)) == pytest.approx(lost)


@given(point_sets())
def test_contributions_sum_to_the_hypervolume_at_most(points: Points) -> None:
    contributions = hypervolume_contributions(points, np.zeros(3))

    assert contributions.sum() <= hypervolume(points, np.zeros(3)) + 1e-9
    assert (contributions[~is_nondominated(points)] == 0).all()


def test_of_one_objective_the_best_value_contributes_its_lead() -> None:
    values, reference = np.array([[1.0], [3.0], [2.0], [0.2]]), np.array([0.5])

    assert hypervolume_contributions(values, reference).tolist() == [0.0, 1.0, 0.0, 0.0]
    assert hypervolume_contributions(values[:1], reference).tolist() == [0.5]
    assert hypervolume_contributions(values[[1, 1]], reference).tolist() == [0.0, 0.0]


def test_contributions_of_no_points_are_none() -> None:
    assert hypervolume_contributions(np.empty((0, 2)), np.zeros(2)).tolist() == []
    with pytest.raises(ValueError, match="got NaN"):
        hypervolume_contributions(np.array([[np.nan, 1.0]]), np.zeros(2))


def test_a_normalized_hypervolume_is_a_share_of_the_box() -> None:
    points = np.array([[3.0, 1.0], [1.0, 3.0]])

    # By hand: 3 + 3 - 1 of 4 x 4.
    assert normalized_hypervolume(points, np.zeros(2), np.full(2, 4.0)) == pytest.approx(5 / 16)


def test_a_normalized_hypervolume_needs_a_utopia_beyond_the_reference() -> None:
    with pytest.raises(ValueError, match="better than the reference point in every objective"):
        normalized_hypervolume(np.ones((1, 2)), np.zeros(2), np.array([1.0, 0.0]))
