from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.fisher import FLOOR, fisher_average
from moopt.merging.methods.weighted_average import weighted_average

WEIGHTS = st.lists(st.floats(0.01, 10), min_size=3, max_size=3)
SHAPES = [(), (3,), (2, 5)]


@st.composite
def experts_and_fishers(draw: st.DrawFn) -> tuple[list[Tensor], list[Tensor]]:
    """Return three tensors of one shape, and Fishers from far below the floor to 1."""
    shape = draw(st.sampled_from(SHAPES))
    dtype = draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    experts = [torch.randn(shape, generator=generator).to(dtype) for _ in range(3)]
    fishers = [10 ** (-9 * torch.rand(shape, generator=generator)) for _ in range(3)]
    return experts, fishers


def by_fractions(experts: list[float], fishers: list[float], weights: list[float]) -> float:
    """Return the paper's formula for one number, without any rounding before the end."""
    importances = [
        Fraction(weight) * max(Fraction(fisher), Fraction(FLOOR))
        for weight, fisher in zip(weights, fishers, strict=True)
    ]
    terms = [
        Fraction(expert) * importance
        for expert, importance in zip(experts, importances, strict=True)
    ]
    return float(sum(terms) / sum(importances))


def test_an_example_by_hand() -> None:
    experts = [torch.tensor([0.0, 0.0, 0.0]), torch.tensor([4.0, 4.0, 4.0])]
    fishers = [torch.tensor([0.5, 0.75, 0.0]), torch.tensor([0.5, 0.25, 0.0])]

    merged = fisher_average(experts, fishers, [1.0, 1.0])

    assert merged.tolist() == [2.0, 1.0, 2.0]  # where no Fisher is, the plain average


@settings(deadline=None)
@given(experts_and_fishers(), WEIGHTS)
def test_it_is_the_formula_in_fractions(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float]
) -> None:
    experts, fishers = drawn

    merged = fisher_average(experts, fishers, weights)

    columns = zip(
        *(each.flatten().tolist() for each in experts),
        *(each.flatten().tolist() for each in fishers),
        strict=True,
    )
    slow = [by_fractions(list(column[:3]), list(column[3:]), weights) for column in columns]
    expected = torch.tensor(slow).reshape(merged.shape).to(merged.dtype)
    torch.testing.assert_close(merged, expected)


@settings(deadline=None)
@given(experts_and_fishers(), WEIGHTS)
def test_equal_fishers_give_the_weighted_average(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float]
) -> None:
    experts, fishers = drawn

    merged = fisher_average(experts, [fishers[0]] * 3, weights)

    torch.testing.assert_close(merged, weighted_average(experts, weights))


@settings(deadline=None)
@given(experts_and_fishers(), WEIGHTS, st.sampled_from([2.0, 64.0]))
def test_only_ratios_count_above_the_floor(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float], factor: float
) -> None:
    experts, fishers = drawn
    above = [fisher.clamp_min(FLOOR) for fisher in fishers]

    merged = fisher_average(experts, above, weights)
    scaled = fisher_average(
        experts, [factor * each for each in above], [factor * weight for weight in weights]
    )

    torch.testing.assert_close(merged, scaled)


@settings(deadline=None)
@given(experts_and_fishers(), WEIGHTS)
def test_the_order_of_the_experts_changes_nothing_beyond_rounding(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float]
) -> None:
    experts, fishers = drawn

    merged = fisher_average(experts, fishers, weights)

    torch.testing.assert_close(merged, fisher_average(experts[::-1], fishers[::-1], weights[::-1]))


@settings(deadline=None)
@given(experts_and_fishers(), st.integers(0, 2))
def test_one_expert_alone_comes_back_bit_for_bit(
    drawn: tuple[list[Tensor], list[Tensor]], chosen: int
) -> None:
    experts, fishers = drawn
    experts[chosen] = experts[chosen] * -0.0  # the sign of a zero is lost by a sum

    merged = fisher_average(experts, fishers, [0.3 * (index == chosen) for index in range(3)])

    assert torch.equal(merged, experts[chosen])
    assert torch.equal(merged.signbit(), experts[chosen].signbit())


@settings(deadline=None)
@given(experts_and_fishers(), WEIGHTS)
def test_inputs_stay_as_they_were(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float]
) -> None:
    given_ = drawn[0] + drawn[1]
    before = [tensor.clone() for tensor in given_]

    merged = fisher_average(*drawn, weights)

    assert all(map(torch.equal, before, given_))
    assert (merged.shape, merged.dtype) == (drawn[0][0].shape, drawn[0][0].dtype)


@pytest.mark.parametrize("number", [-1e-3, float("nan"), float("inf")])
def test_a_fisher_that_is_none_is_refused(number: float) -> None:
    experts = [torch.ones(2), torch.ones(2)]

    with pytest.raises(MergeError, match="expert 1 holds negative or non-finite numbers"):
        fisher_average(experts, [torch.ones(2), torch.tensor([1.0, number])], [1.0, 1.0])


def test_a_floor_of_zero_is_refused() -> None:
    with pytest.raises(MergeError, match=r"above 0, got 0\.0"):
        fisher_average([torch.ones(2)], [torch.ones(2)], [1.0], floor=0.0)
