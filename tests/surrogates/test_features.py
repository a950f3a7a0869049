import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moopt.study.parameters import Categorical, Parameters
from moopt.surrogates.features import Features
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_spaces import MIXED, encoding_of, numbers

FEATURES = Features.of(MIXED)
INACTIVE: Parameters = {
    "x": 0.5,
    "kind": "a",
    "size": "m",
    "weights": {"u": 0.2, "v": 0.3, "w": 0.5},
}

shares = st.floats(0, 1)


def feature(parameters: Parameters) -> Tensor:
    return FEATURES.of_points(MIXED.encode(parameters))


def distance(one: Parameters, other: Parameters) -> float:
    return float((feature(one) - feature(other)).norm())


def with_rate(rate: float) -> Parameters:
    return {**INACTIVE, "kind": "b", "rate": rate, "depth": 3}


def test_points_of_numbers_are_their_own_features() -> None:
    features, points = numbers(3), uniform(5, 3)

    assert features.plain
    assert features.of_points(points) is points
    assert features.groups.tolist() == [0, 1, 2]


def test_numbers_and_ordered_choices_are_columns_from_low_to_high() -> None:
    # x, kind (3), rate, depth, colour (2), size, weights (3).
    assert FEATURES.numbers == (0, 4, 5, 8)


def test_columns_of_one_choice_share_a_group_and_every_part_of_a_mixture_has_its_own() -> None:
    # x, kind, rate on an arc, depth on an arc, colour, size, weights.
    assert FEATURES.groups.tolist() == [0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8]
    assert FEATURES.categorical == (1, 4)
    assert FEATURES.group_count == 9
    assert not FEATURES.plain


@given(st.lists(st.text("abc", min_size=1), min_size=2, max_size=5, unique=True), st.data())
def test_two_choices_are_a_distance_of_one_apart(choices: list[str], data: st.DataObject) -> None:
    encoding = encoding_of(Categorical("c", choices))
    one, other = data.draw(st.permutations(choices))[:2]

    first, second = (
        Features.of(encoding).of_points(encoding.encode({"c": each})) for each in (one, other)
    )

    assert float((first - second).norm()) == pytest.approx(1.0)


@given(shares, shares)
def test_what_is_inactive_has_no_say(one: float, other: float) -> None:
    points = torch.stack([MIXED.encode(INACTIVE)] * 2)
    rate = MIXED.blocks[2].columns
    points[:, rate] = torch.tensor([[one], [other]], dtype=torch.float64)

    first, second = FEATURES.of_points(points)

    assert torch.equal(first, second)


@given(shares)
def test_an_inactive_number_is_equally_far_from_every_active_one(rate: float) -> None:
    on, off = feature(with_rate(rate))[6:8], feature(INACTIVE)[6:8]

    assert float((on - off).norm()) == pytest.approx(1.0)


@given(shares, shares)
def test_two_active_numbers_are_as_far_apart_as_their_arc_is_wide(one: float, other: float) -> None:
    # A chord of the unit circle.
    expected = 2 * abs(torch.tensor((one - other) / 2).sin().item())

    assert distance(with_rate(one), with_rate(other)) == pytest.approx(expected, abs=1e-6)


def test_an_inactive_choice_is_equally_far_from_every_active_one() -> None:
    on = [{**INACTIVE, "kind": "c", "depth": 3, "colour": colour} for colour in ("red", "blue")]

    apart = [float((feature(each) - feature(INACTIVE))[8:10].norm()) for each in on]

    assert apart[0] == pytest.approx(apart[1])
    assert apart[0] > 0.5


def test_gradients_flow_through_features() -> None:
    points = torch.stack([MIXED.encode(with_rate(0.3)), MIXED.encode(INACTIVE)]).requires_grad_()

    assert torch.autograd.gradcheck(FEATURES.of_points, points)


def test_points_may_come_in_batches() -> None:
    points = torch.stack([MIXED.encode(with_rate(0.3)), MIXED.encode(INACTIVE)])

    batched = FEATURES.of_points(points[:, None, :])

    assert torch.equal(batched[:, 0], FEATURES.of_points(points))
