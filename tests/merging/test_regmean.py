import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.regmean import regmean
from moopt.merging.methods.weighted_average import weighted_average

WEIGHTS = st.lists(st.floats(0.1, 10), min_size=3, max_size=3)
OFF_DIAGONALS = st.floats(0, 1)


@st.composite
def layers(
    draw: st.DrawFn, *, least_rows: int = 9, dtype: torch.dtype | None = None
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the weights of a layer in three experts, and the inputs that it had in each."""
    inputs, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    rows = draw(st.integers(least_rows, 12))
    kind = dtype or draw(st.sampled_from([torch.float32, torch.bfloat16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    experts = [torch.randn(outputs, inputs, generator=generator).to(kind) for _ in range(3)]
    data = [torch.randn(rows, inputs, generator=generator) for _ in range(3)]
    return experts, data


def grams(data: list[Tensor]) -> list[Tensor]:
    return [rows.T @ rows for rows in data]


def test_an_example_by_hand() -> None:
    experts = [torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 4.0]])]
    diagonals = [torch.diag(torch.tensor([1.0, 3.0])), torch.diag(torch.tensor([1.0, 1.0]))]

    merged = regmean(experts, diagonals, [1.0, 1.0], off_diagonal=0.9)

    assert merged.tolist() == [[2.0, 1.0]]


@settings(deadline=None)
@given(layers(dtype=torch.float64), WEIGHTS)
def test_it_is_the_least_squares_fit_to_the_outputs_of_the_experts(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float]
) -> None:
    experts, data = drawn
    data = [rows.double() for rows in data]

    merged = regmean(experts, grams(data), weights, off_diagonal=1.0)

    rows = torch.cat([w**0.5 * x for x, w in zip(data, weights, strict=True)])
    outputs = torch.cat([w**0.5 * x @ e.T for x, e, w in zip(data, experts, weights, strict=True)])
    fitted = torch.linalg.lstsq(rows, outputs).solution.T
    torch.testing.assert_close(merged, fitted, atol=1e-6, rtol=1e-6)


@settings(deadline=None)
@given(layers(), WEIGHTS)
def test_without_off_diagonals_each_input_is_averaged_by_its_mean_square(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float]
) -> None:
    experts, data = drawn

    merged = regmean(experts, grams(data), weights, off_diagonal=0.0)

    squares = torch.stack(
        [w * rows.double().square().sum(0) for rows, w in zip(data, weights, strict=True)]
    )
    stacked = torch.stack(experts).double()
    expected = (squares[:, None] * stacked).sum(0) / squares.sum(0)
    torch.testing.assert_close(merged, expected.to(merged.dtype))


@settings(deadline=None)
@given(layers(least_rows=1), WEIGHTS, OFF_DIAGONALS)
def test_equal_experts_are_their_own_merge_whatever_the_data(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float], off_diagonal: float
) -> None:
    experts, data = drawn

    merged = regmean([experts[0]] * 3, grams(data), weights, off_diagonal=off_diagonal)

    torch.testing.assert_close(merged, experts[0], atol=1e-3, rtol=1e-2)


@settings(deadline=None)
@given(layers(dtype=torch.float32), WEIGHTS, OFF_DIAGONALS)
def test_equal_grams_give_the_weighted_average(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float], off_diagonal: float
) -> None:
    experts, data = drawn

    merged = regmean(experts, grams([data[0]] * 3), weights, off_diagonal=off_diagonal)

    torch.testing.assert_close(merged, weighted_average(experts, weights), atol=1e-4, rtol=1e-4)


@settings(deadline=None)
@given(layers(), WEIGHTS, OFF_DIAGONALS)
def test_the_order_of_the_experts_changes_nothing_beyond_rounding(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float], off_diagonal: float
) -> None:
    experts, data = drawn
    before = [tensor.clone() for tensor in experts + data]

    merged = regmean(experts, grams(data), weights, off_diagonal=off_diagonal)
    backwards = regmean(experts[::-1], grams(data[::-1]), weights[::-1], off_diagonal=off_diagonal)

    torch.testing.assert_close(merged, backwards)
    assert (merged.shape, merged.dtype) == (experts[0].shape, experts[0].dtype)
    assert all(map(torch.equal, before, experts + data))


@settings(deadline=None)
@given(layers(least_rows=1), st.integers(0, 2))
def test_one_expert_alone_comes_back_bit_for_bit(
    drawn: tuple[list[Tensor], list[Tensor]], chosen: int
) -> None:
    experts, data = drawn

    merged = regmean(
        experts, grams(data), [1.0 * (index == chosen) for index in range(3)], off_diagonal=0.5
    )

    assert torch.equal(merged, experts[chosen])
    assert merged.data_ptr() != experts[chosen].data_ptr()


@settings(deadline=None)
@given(layers(dtype=torch.float32), WEIGHTS, OFF_DIAGONALS)
def test_an_input_that_no_data_had_takes_the_weighted_average(
    drawn: tuple[list[Tensor], list[Tensor]], weights: list[float], off_diagonal: float
) -> None:
    experts, data = drawn
    for rows in data:
        rows[:, 0] = 0

    merged = regmean(experts, grams(data), weights, off_diagonal=off_diagonal)

    expected = weighted_average(experts, weights)[:, 0]
    torch.testing.assert_close(merged[:, 0], expected, atol=1e-5, rtol=1e-5)


def test_fewer_rows_than_inputs_still_fit_the_outputs_of_the_experts() -> None:
    generator = torch.Generator().manual_seed(0)
    experts = [torch.randn(4, 16, generator=generator) for _ in range(2)]
    data = [torch.randn(5, 16, generator=generator) for _ in range(2)]

    merged = regmean(experts, grams(data), [1.0, 1.0], off_diagonal=1.0)

    # ten rows and sixteen inputs: a matrix that fits all of them exists
    outputs = torch.cat([rows @ merged.T for rows in data])
    expected = torch.cat([rows @ expert.T for rows, expert in zip(data, experts, strict=True)])
    torch.testing.assert_close(outputs, expected, atol=1e-3, rtol=1e-3)


def test_an_off_diagonal_beyond_one_is_refused() -> None:
    with pytest.raises(MergeError, match=r"from 0 to 1, got 1\.1"):
        regmean([torch.ones(1, 2)], [torch.eye(2)], [1.0], off_diagonal=1.1)


def test_a_gram_matrix_with_nan_is_refused() -> None:
    bad = torch.full((2, 2), float("nan"))

    with pytest.raises(MergeError, match="expert 1 holds non-finite numbers"):
        regmean([torch.ones(1, 2)] * 2, [torch.eye(2), bad], [1.0, 1.0], off_diagonal=1.0)


def test_a_matrix_that_is_no_gram_matrix_is_refused() -> None:
    with pytest.raises(MergeError, match="have no square root"):
        regmean([torch.ones(1, 2)] * 2, [-torch.eye(2)] * 2, [1.0, 1.0], off_diagonal=1.0)
