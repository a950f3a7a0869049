import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.box_decompositions.non_dominated import (
    FastNondominatedPartitioning,
)
from hypothesis import given
from hypothesis import strategies as st

from moopt.front.box_decomposition import boxes_of_interest, nondominated_boxes
from moopt.front.dominance import is_nondominated
from tests.strategies import Points, point_sets

CORNER = 7.0
OBJECTIVES = [1, 2, 3, 4, 5]


any_points = st.sampled_from(OBJECTIVES).flatmap(lambda m: point_sets(objectives=m))


def boxes(values: Points) -> tuple[Points, Points]:
    return nondominated_boxes(values, np.zeros(values.shape[1]))


def front_of(values: Points) -> Points:
    above = values[(values > 0).all(axis=1)]
    return np.unique(above[is_nondominated(above)], axis=0)


def volume(lower: Points, upper: Points) -> float:
    return float((np.minimum(upper, CORNER) - lower).prod(axis=1).sum())


@given(any_points, st.integers(0, 2**31))
def test_a_point_is_in_exactly_one_box_unless_it_is_dominated(values: Points, seed: int) -> None:
    # Random floats never lie on an edge.
    there = np.random.default_rng(seed).uniform(0, CORNER, (64, 1, values.shape[1]))

    lower, upper = boxes(values)

    containing = ((there > lower) & (there < upper)).all(axis=2).sum(axis=1)
    below_a_point = (values >= there).all(axis=2).sum(axis=1)
    assert ((containing == 1) == (below_a_point == 0)).all()
    assert containing.max() <= 1


@given(point_sets(objectives=2))
def test_two_objectives_take_one_box_more_than_the_front_has_points(values: Points) -> None:
    assert len(boxes(values)[0]) == len(front_of(values)) + 1


@given(point_sets(count=20, objectives=3))
def test_three_objectives_take_two_boxes_a_point_and_one_at_most(values: Points) -> None:
    assert len(boxes(values)[0]) <= 2 * len(front_of(values)) + 1


def test_one_objective_leaves_one_box_above_the_best_value() -> None:
    lower, upper = nondominated_boxes(np.array([[1.0], [3.0], [3.0], [2.0]]), np.zeros(1))

    assert lower.tolist() == [[3.0]]
    assert upper.tolist() == [[np.inf]]


def test_two_points_in_the_plane_leave_three_strips() -> None:
    lower, upper = nondominated_boxes(np.array([[2.0, 3.0], [4.0, 1.0]]), np.zeros(2))

    assert lower.tolist() == [[4.0, 0.0], [2.0, 1.0], [0.0, 3.0]]
    assert upper.tolist() == [[np.inf, np.inf], [4.0, np.inf], [2.0, np.inf]]


@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_the_volume_is_that_of_botorchs_decomposition(objectives: int) -> None:
    values = np.random.default_rng(objectives).uniform(0, CORNER, (30, objectives))
    zero = torch.zeros(objectives, dtype=torch.float64)
    theirs = FastNondominatedPartitioning(zero, torch.from_numpy(values)).get_hypercell_bounds()

    assert volume(*boxes(values)) == pytest.approx(volume(*theirs.numpy()), rel=1e-12)


@given(any_points, st.data())
def test_points_that_are_dominated_or_below_the_reference_change_nothing(
    values: Points, data: st.DataObject
) -> None:
    worse = values[data.draw(st.integers(0, len(values) - 1))] - data.draw(
        st.sampled_from([0, 0.5])
    )
    below = values[:1] + 100.0
    below[0, data.draw(st.integers(0, values.shape[1] - 1))] = 0.0

    alone, joined = boxes(values), boxes(np.concatenate([below, worse[None], values]))

    assert alone[0].tolist() == joined[0].tolist()
    assert alone[1].tolist() == joined[1].tolist()


@given(any_points, st.data())
def test_boxes_of_interest_are_the_boxes_cut_off_at_the_aspirations(
    values: Points, data: st.DataObject
) -> None:
    ends = np.array(
        [data.draw(st.sampled_from([1.0, 2.5, 3.0, 6.0])) for _ in range(values.shape[1])]
    )
    there = np.random.default_rng(0).uniform(0, CORNER, (64, 1, values.shape[1]))

    lower, upper = boxes_of_interest(values, np.zeros(values.shape[1]), ends)

    containing = ((there > lower) & (there < upper)).all(axis=2).sum(axis=1)
    dominated = (np.minimum(values, ends) >= there).all(axis=2).any(axis=1)
    wanted = (there[:, 0] < ends).all(axis=1) & ~dominated
    assert containing.tolist() == wanted.astype(int).tolist()


def test_a_point_that_reaches_every_aspiration_leaves_no_box() -> None:
    lower, _ = boxes_of_interest(np.array([[4.0, 3.0]]), np.zeros(2), np.array([4.0, 2.0]))

    assert len(lower) == 0


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_an_empty_front_leaves_everything_above_the_reference(objectives: int) -> None:
    lower, upper = nondominated_boxes(np.empty((0, objectives)), np.full(objectives, -2.0))

    assert lower.tolist() == [[-2.0] * objectives]
    assert upper.tolist() == [[np.inf] * objectives]
