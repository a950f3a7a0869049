import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moopt.acquisition.added_volume import added_volume, dominated_volume, lead
from moopt.front.hypervolume import hypervolume
from tests.surrogates.made_kernels import uniform

ANYTHING = torch.full((2,), torch.inf, dtype=torch.float64)
ZERO = torch.zeros(2, dtype=torch.float64)


@st.composite
def point_sets(draw: st.DrawFn) -> Tensor:
    # Whole numbers tie; some are not above the reference.
    numbers = st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), min_size=1, max_size=6)
    return torch.tensor(draw(numbers), dtype=torch.float64)


@given(points=point_sets(), front=point_sets())
def test_of_two_objectives_what_is_added_is_the_difference_of_hypervolumes(
    points: Tensor, front: Tensor
) -> None:
    found = added_volume(points, front, ZERO, ANYTHING, 0)

    before = hypervolume(front.numpy(), ZERO.numpy())
    together = [torch.cat([front, point[None]]).numpy() for point in points]
    expected = [hypervolume(each, ZERO.numpy()) - before for each in together]
    assert found.tolist() == pytest.approx(expected)


@given(points=point_sets(), front=point_sets())
def test_a_lead_above_zero_is_what_adds_volume(points: Tensor, front: Tensor) -> None:
    ahead = lead(points, front, ZERO)

    assert ((ahead > 0) == (added_volume(points, front, ZERO, ANYTHING, 0) > 0)).all()


@pytest.mark.parametrize("objectives", [3, 4])
def test_of_more_objectives_directions_come_near_to_it(objectives: int) -> None:
    front, points = uniform(6, objectives, seed=1), uniform(12, objectives, seed=2) + 0.2
    reference = torch.zeros(objectives, dtype=torch.float64)

    found = added_volume(points, front, reference, reference + torch.inf, 0)

    before = hypervolume(front.numpy(), reference.numpy())
    together = [torch.cat([front, point[None]]).numpy() for point in points]
    expected = [hypervolume(each, reference.numpy()) - before for each in together]
    assert found.tolist() == pytest.approx(expected, rel=0.1, abs=0.02)


def test_beyond_an_aspiration_nothing_is_added_until_all_are_reached() -> None:
    points = torch.tensor([[4.0, 1.0], [2.0, 2.0]], dtype=torch.float64)
    aspiration = torch.tensor([3.0, 3.0], dtype=torch.float64)

    part = added_volume(points, points[:0], ZERO, aspiration, 0)
    reached = added_volume(points + 3.0, aspiration[None], ZERO, aspiration, 0)

    assert part.tolist() == [3.0, 4.0]
    # 7 times 4 and 5 times 5, less the square of 3.
    assert reached.tolist() == [19.0, 16.0]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 6])
def test_one_point_dominates_a_box(objectives: int) -> None:
    point = torch.full((1, objectives), 2.0, dtype=torch.float64)
    reference = torch.zeros(objectives, dtype=torch.float64)

    volume = dominated_volume(point, reference, 0)

    assert volume == pytest.approx(2.0**objectives, rel=0.15)
    assert dominated_volume(point - 2.0, reference, 0) == 0.0


def test_the_volume_of_four_objectives_is_nearly_exact() -> None:
    points, reference = uniform(30, 4, seed=3), torch.zeros(4, dtype=torch.float64)

    found = dominated_volume(points, reference, 0)

    assert math.isclose(found, hypervolume(points.numpy(), reference.numpy()), rel_tol=0.05)
