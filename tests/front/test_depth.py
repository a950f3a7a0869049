import numpy as np
import pytest
from hypothesis import given

from moopt.front.depth import dominance_margin
from moopt.front.dominance import is_nondominated
from tests.strategies import Points, point_sets


def test_a_margin_is_what_a_point_lacks_or_has_in_every_objective() -> None:
    values = np.array([[4.0, 0.0], [2.0, 2.0], [1.0, 1.0], [0.0, 4.0], [0.0, 0.0]])

    margins = dominance_margin(values)

    # The medians are 1 and 1, the best values 4 and 4: three units make one.
    assert margins == pytest.approx(np.array([2.0, 1.0, -1.0, 2.0, -2.0]) / 3)


def test_a_point_alone_is_not_dominated() -> None:
    assert dominance_margin(np.array([[3.0, 1.0]])).tolist() == [1.0]


@given(point_sets(objectives=3))
def test_what_dominates_a_point_has_no_smaller_margin(values: Points) -> None:
    margins = dominance_margin(values)

    dominates = (values[:, None] >= values[None]).all(axis=2)
    assert (margins[:, None] >= margins[None])[dominates].all()


@given(point_sets(objectives=2))
def test_margins_above_zero_are_those_of_the_front_without_doubles(values: Points) -> None:
    doubles = (values[:, None] == values[None]).all(axis=2).sum(axis=1) > 1

    above = dominance_margin(values) > 0

    assert np.array_equal(above, is_nondominated(values) & ~doubles)


@given(point_sets(objectives=2))
def test_units_do_not_matter(values: Points) -> None:
    changed = values * np.array([4.0, 0.5]) + np.array([8.0, -2.0])

    assert dominance_margin(changed) == pytest.approx(dominance_margin(values))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="needs finite numbers"):
        dominance_margin(np.array([[np.nan, 1.0], [0.0, 1.0]]))
