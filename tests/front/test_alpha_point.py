import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.front.alpha_point import alpha_point, distance_to_alpha_point
from moopt.front.dominance import is_nondominated
from tests.strategies import Points, point_sets

# Steps of length 5, 5 and 10 from the best first objective on.
FRONT = np.array([[4.0, 8.0], [10.0, 0.0], [7.0, 4.0], [-4.0, 14.0]])


@pytest.mark.parametrize(("alpha", "row"), [(0.0, 1), (0.2, 2), (0.5, 0), (0.7, 0), (1.0, 3)])
def test_the_alpha_point_is_the_row_nearest_to_the_share_of_the_way(alpha: float, row: int) -> None:
    assert alpha_point(FRONT, alpha) == row


@given(point_sets(objectives=2))
def test_the_ends_of_the_way_are_the_best_in_one_objective(points: Points) -> None:
    front = points[is_nondominated(points)]

    assert front[alpha_point(front, 0.0), 0] == front[:, 0].max()
    assert front[alpha_point(front, 1.0), 1] == front[:, 1].max()


@given(point_sets(objectives=2), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_goes_back(points: Points, one: float, other: float) -> None:
    front = points[is_nondominated(points)]

    near, far = (front[alpha_point(front, alpha)] for alpha in sorted([one, other]))

    assert far[1] >= near[1]


def test_of_rows_equal_in_the_first_objective_the_better_is_on_the_way() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])

    assert alpha_point(rows, 0.0) == 1


def test_the_distance_is_the_straight_line_to_the_alpha_point() -> None:
    # The point half way is (4, 8).
    points = np.array([[4.0, 8.0], [1.0, 4.0], [10.0, 0.0]])

    assert distance_to_alpha_point(points, FRONT) == pytest.approx([0.0, 5.0, 10.0])


@pytest.mark.parametrize(
    ("front", "alpha", "message"),
    [
        (np.zeros((1, 3)), 0.5, "two objectives, got 3"),
        (np.empty((0, 2)), 0.5, "needs at least one point"),
        (FRONT, 1.5, "0 <= alpha <= 1, got 1.5"),
    ],
)
def test_what_has_no_alpha_point_is_refused(front: Points, alpha: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        alpha_point(front, alpha)
