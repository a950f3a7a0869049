import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.weighted_average import shares, weighted_average

WEIGHTS = st.lists(st.floats(0, 1e6), min_size=3, max_size=3)


@st.composite
def experts(draw: st.DrawFn) -> list[Tensor]:
    shape = draw(st.sampled_from([(), (3,), (2, 5)]))
    dtype = draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    return [torch.randn(shape, generator=generator).to(dtype) for _ in range(3)]


def test_an_example_by_hand() -> None:
    merged = weighted_average([torch.tensor([1.0, 2.0]), torch.tensor([5.0, -2.0])], [3.0, 1.0])

    assert merged.tolist() == [2.0, 1.0]


@settings(deadline=None)
@given(experts(), WEIGHTS)
def test_it_lies_between_the_experts(tensors: list[Tensor], weights: list[float]) -> None:
    assume(max(weights) > 0)

    merged = weighted_average(tensors, weights)

    stacked = torch.stack(tensors).float()
    slack = 2 * torch.finfo(merged.dtype).eps * stacked.abs().amax(0)
    assert merged.dtype == tensors[0].dtype
    assert (merged.float() <= stacked.amax(0) + slack).all()
    assert (merged.float() >= stacked.amin(0) - slack).all()


@settings(deadline=None)
@given(experts(), st.integers(0, 2))
def test_one_expert_alone_comes_back_bit_for_bit(tensors: list[Tensor], chosen: int) -> None:
    tensors[chosen] = tensors[chosen] * -0.0  # the sign of a zero is lost by a sum

    merged = weighted_average(tensors, [0.7 * (index == chosen) for index in range(3)])

    assert torch.equal(merged, tensors[chosen])
    assert torch.equal(merged.signbit(), tensors[chosen].signbit())


@settings(deadline=None)
@given(WEIGHTS)
def test_shares_are_the_weights_over_their_sum(weights: list[float]) -> None:
    assume(max(weights) > 0)

    assert shares(weights, 3) == pytest.approx([weight / sum(weights) for weight in weights])


def test_weights_whose_sum_overflows_have_shares() -> None:
    assert shares([1e308, 1e308], 2) == [0.5, 0.5]


@pytest.mark.parametrize(
    "weights", [[], [1.0], [0.0, 0.0], [1.0, -1.0], [1.0, math.nan], [math.inf, 1.0]]
)
def test_weights_that_make_no_average_are_refused(weights: list[float]) -> None:
    with pytest.raises(MergeError, match="finite weight of at least 0 for each of 2 experts"):
        weighted_average([torch.ones(2), torch.ones(2)], weights)
