import numpy as np
import pytest
from hypothesis import given

from moopt.front.dominance import is_nondominated
from moopt.front.gaps import widest_gaps
from moopt.front.ranking import crowding
from tests.strategies import Points, point_sets


def test_gaps_of_two_objectives_are_between_neighbours_along_the_front() -> None:
    front = np.array([[0.0, 10.0], [8.0, 1.0], [1.0, 9.0], [10.0, 0.0]])

    gaps = widest_gaps(front)

    # Ranges of 10 in both: seven and eight tenths, two and one, one and one.
    assert [gap.ends for gap in gaps] == [(1, 2), (1, 3), (0, 2)]
    assert [gap.objectives for gap in gaps] == [(0, 1)] * 3
    assert [gap.width for gap in gaps] == pytest.approx([1.5, 0.3, 0.2])


def test_with_three_objectives_neighbours_in_one_are_seldom_so_in_another() -> None:
    front = np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 2.0], [2.0, 1.0, 0.0]])

    gaps = widest_gaps(front)

    assert {gap.ends for gap in gaps} == {(0, 1), (1, 2), (0, 2)}
    assert sum(len(gap.objectives) for gap in gaps) == 6
    assert {gap.width for gap in gaps} == {1.0}


def test_a_point_alone_and_equal_points_leave_no_gap() -> None:
    assert widest_gaps(np.array([[1.0, 2.0]])) == []
    assert widest_gaps(np.array([[1.0, 2.0], [1.0, 2.0]])) == []


@given(point_sets(objectives=2))
def test_a_crowding_distance_is_the_room_on_both_sides(values: Points) -> None:
    front = np.unique(values[is_nondominated(values)], axis=0)
    gaps = widest_gaps(front)

    room = [sum(gap.width for gap in gaps if place in gap.ends) for place in range(len(front))]

    inside = [place for place in crowding(front) if 0 < place < len(front) - 1]
    assert [room[place] for place in inside] == pytest.approx(sorted(np.take(room, inside))[::-1])


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a front with gaps needs finite numbers"):
        widest_gaps(np.array([[1.0, np.inf]]))
