import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.front.attainment import attained_share, attainment_surfaces
from moopt.front.dominance import is_nondominated
from tests.strategies import Points, point_sets

RUNS = [
    np.array([[1.0, 2.0], [2.0, 1.0]]),
    np.array([[2.0, 2.0]]),
    np.array([[0.0, 3.0]]),
    np.empty((0, 2)),
]
LEVELS = (0.07, 0.25, 0.5, 1.0)


def rows(points: Points) -> set[tuple[float, ...]]:
    return set(map(tuple, points.tolist()))


def runs_of(objectives: int) -> st.SearchStrategy[list[Points]]:
    return st.lists(point_sets(count=4, objectives=objectives), min_size=1, max_size=5)


def surface_from_first_principles(runs: list[Points], level: float) -> set[tuple[float, ...]]:
    """Return the best of all points with the coordinates of points that enough runs attain."""
    axes = np.vstack(runs).T
    grid = np.array(list(itertools.product(*map(set, axes.tolist()))))
    attained = grid[attained_share(runs, grid) >= level - 1e-9]
    return rows(attained[is_nondominated(attained)])


def test_a_surface_is_what_that_share_of_the_runs_attains() -> None:
    surfaces = attainment_surfaces(RUNS, (0.25, 0.5, 0.75))

    assert rows(surfaces[0.25]) == {(2, 2), (0, 3)}
    assert rows(surfaces[0.5]) == {(1, 2), (2, 1)}
    assert rows(surfaces[0.75]) == {(0, 2)}


def test_a_run_without_points_attains_nothing_and_counts() -> None:
    assert attainment_surfaces(RUNS, [1.0])[1.0].shape == (0, 2)
    assert attained_share(RUNS, np.zeros((1, 2))).tolist() == [0.75]
    assert attainment_surfaces([np.empty((0, 2))])[0.5].shape == (0, 2)


@given(st.one_of(runs_of(2), runs_of(3)), st.sampled_from(LEVELS))
def test_a_surface_is_the_front_of_the_attained_points(runs: list[Points], level: float) -> None:
    surface = attainment_surfaces(runs, [level])[level]

    assert rows(surface) == surface_from_first_principles(runs, level)


def test_rounding_asks_for_no_run_too_many() -> None:
    runs = [np.full((1, 2), float(number)) for number in range(100)]

    # 0.07 x 100 is above 7 in floating point; seven runs attain 93.
    assert rows(attainment_surfaces(runs, [0.07])[0.07]) == {(93, 93)}


@given(runs_of(4), point_sets(objectives=4))
def test_a_point_below_another_is_attained_at_least_as_often(
    runs: list[Points], points: Points
) -> None:
    assert (attained_share(runs, points - 1.0) >= attained_share(runs, points)).all()


@pytest.mark.parametrize(
    ("runs", "levels", "message"),
    [
        ([], [0.5], "at least one run"),
        (RUNS, [0.0], r"needs to be in \(0, 1\], got 0"),
        ([np.zeros((1, 4))], [0.5], "two or three objectives, got 4"),
        ([np.array([[np.inf, 0.0]])], [0.5], "run 0 needs finite numbers"),
    ],
)
def test_what_has_no_attainment_surface_is_refused(
    runs: list[Points], levels: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        attainment_surfaces(runs, levels)
