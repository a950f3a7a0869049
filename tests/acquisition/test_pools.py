import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.acquisition.pools import distinct, is_near, pool_around_leaders
from moopt.encoding.search_box import SearchBox
from moopt.surrogates.outcomes import learn_outcomes
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import data_of, objective_values


@given(same=st.lists(st.integers(0, 19), max_size=5), digits=st.integers(4, 9))
def test_points_that_are_the_same_but_for_rounding_are_found(same: list[int], digits: int) -> None:
    points, others = uniform(20, 3, seed=1), uniform(30, 3, seed=2)
    others = torch.cat([others, points[same] + 10.0**-digits])

    found = is_near(points, others)

    slowly = [any(bool((each - other).abs().max() <= 1e-6) for other in others) for each in points]
    assert found.tolist() == slowly


def test_nothing_is_near_to_nothing() -> None:
    assert not is_near(uniform(3, 2), uniform(0, 2)).any()
    assert len(is_near(uniform(0, 2), uniform(3, 2))) == 0


def test_repeats_are_left_out() -> None:
    points = uniform(6, 2)

    found = distinct(torch.cat([points, points[2:4] + 1e-12]))

    assert len(found) == 6
    assert len(distinct(points[:0])) == 0


def test_a_pool_has_more_points_where_more_is_to_be_gained() -> None:
    encoding, data = data_of(2, count=20, noise=1e-3)
    outcomes = learn_outcomes(encoding, data, "rbf")
    front = data.points[:2]

    pool = pool_around_leaders(outcomes, SearchBox(encoding), front, 0)

    even = objective_values(uniform(500, 2, seed=3), 2).min(dim=1).values.median()
    assert len(pool) > 700
    assert ((pool >= 0) & (pool <= 1)).all()
    assert objective_values(pool, 2).min(dim=1).values.median() > even
