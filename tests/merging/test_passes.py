"""The passes are those of their definitions in PyTorch, bit for bit on the CPU."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from moopt.merging.kernels import scaled_sum, trimmed_sum
from moopt.merging.methods.method import ScaledTerms, Terms, TrimmedSum
from moopt.merging.passes import on_device, run_compiled, run_flat, run_terms

FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a base and of experts that belong to a few tensors."""

    base: Tensor
    experts: Sequence[Tensor]
    owner: Tensor
    tensors: int

    def to(self, device: torch.device) -> "Rows":
        return Rows(
            self.base.to(device),
            [each.to(device) for each in self.experts],
            self.owner.to(device),
            self.tensors,
        )


@st.composite
def rows(draw: st.DrawFn, dtype: torch.dtype) -> Rows:
    """Draw rows in which many numbers are equal, opposite or zero."""
    count, width = draw(st.integers(1, 6)), draw(st.sampled_from([1, 7, 64]))
    tensors = draw(st.integers(1, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    is_coarse = draw(st.booleans())

    def numbers() -> Tensor:
        drawn = torch.randn(count, width, generator=generator)
        return ((4 * drawn).round() / 4 if is_coarse else drawn).to(dtype)

    return Rows(
        numbers(),
        [numbers() for _ in range(draw(st.integers(1, 5)))],
        torch.randint(0, tensors, (count,), generator=generator, dtype=torch.int32),
        tensors,
    )


def table(draw: st.DrawFn, drawn: Rows, numbers: st.SearchStrategy[float]) -> np.ndarray:
    size = drawn.tensors * len(drawn.experts)
    values = draw(st.lists(numbers, min_size=size, max_size=size))
    return np.array(values, dtype=np.float64).reshape(drawn.tensors, len(drawn.experts))


FACTORS = st.sampled_from([0.0, 0.3, 0.6, -0.9, 1.0, -1.0, 1 / 3])


@st.composite
def scaled(draw: st.DrawFn, dtype: torch.dtype) -> tuple[Rows, ScaledTerms]:
    drawn = draw(rows(dtype))
    return drawn, ScaledTerms(table(draw, drawn, FACTORS), from_base=draw(st.booleans()))


@st.composite
def trimmed(draw: st.DrawFn, dtype: torch.dtype) -> tuple[Rows, TrimmedSum]:
    drawn = draw(rows(dtype))
    return drawn, TrimmedSum(
        shares=table(draw, drawn, FACTORS),
        votes=table(draw, drawn, FACTORS),
        weights=table(draw, drawn, FACTORS),
        low=table(draw, drawn, st.sampled_from([0.0, 0.25, 0.5, np.inf])),
        high=table(draw, drawn, st.sampled_from([1.0, 1.5, np.inf])),
        scale=np.array(draw(st.lists(FACTORS, min_size=drawn.tensors, max_size=drawn.tensors))),
        is_elected=draw(st.booleans()),
        is_normalized=draw(st.booleans()),
    )


def run(drawn: Rows, terms: Terms, dtype: torch.dtype = torch.float32) -> Tensor:
    out = torch.full(drawn.base.shape, torch.nan, dtype=dtype, device=drawn.base.device)
    run_terms(out, drawn.base, drawn.experts, terms, drawn.owner)
    return out


def defined(drawn: Rows, terms: Terms) -> Tensor:
    """Return what the definition in PyTorch gives."""
    if isinstance(terms, TrimmedSum):
        return trimmed_sum(drawn.base, drawn.experts, on_device(terms, drawn.base), drawn.owner)
    scalars = torch.from_numpy(terms.scalars).float().to(drawn.base.device)
    base = drawn.base if terms.from_base else None
    return scaled_sum(base, drawn.experts, scalars, drawn.owner)


def assert_same(merged: Tensor, expected: Tensor) -> None:
    """Assert the same bits, or on a GPU, where products and sums are fused, nearly the same."""
    assert merged.dtype == expected.dtype
    if merged.device.type == "cpu":
        assert torch.equal(merged.view(torch.uint8), expected.view(torch.uint8))
    else:
        torch.testing.assert_close(merged, expected)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@FEW
@given(data=st.data())
def test_the_scaled_sum_is_that_of_its_definition(
    device: torch.device, dtype: torch.dtype, data: st.DataObject
) -> None:
    drawn, terms = data.draw(scaled(dtype))
    drawn = drawn.to(device)

    assert_same(run(drawn, terms), defined(drawn, terms))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@FEW
@given(data=st.data())
def test_the_trimmed_sum_is_that_of_its_definition(
    device: torch.device, dtype: torch.dtype, data: st.DataObject
) -> None:
    drawn, terms = data.draw(trimmed(dtype))
    drawn = drawn.to(device)

    assert_same(run(drawn, terms), defined(drawn, terms))


@pytest.fixture
def some() -> tuple[Rows, TrimmedSum]:
    """Return rows of two tensors with a trimmed, elected and normalised sum."""
    generator = torch.Generator().manual_seed(0)
    base, *experts = (torch.randn(1700, 9, generator=generator) for _ in range(4))
    ones = np.ones((2, 3))
    terms = TrimmedSum(
        ones,
        ones,
        ones,
        0.2 * ones,
        2 * ones,
        np.array([1.0, 0.5]),
        is_elected=True,
        is_normalized=True,
    )
    owner = torch.arange(1700, dtype=torch.int32) // 1000
    return Rows(base, experts, owner, 2), terms


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_sums_are_rounded_once_to_the_dtype_of_the_result(
    some: tuple[Rows, TrimmedSum], dtype: torch.dtype
) -> None:
    drawn, terms = some

    assert_same(run(drawn, terms, dtype), defined(drawn, terms).to(dtype))


@pytest.mark.parametrize(
    "dtypes",
    [
        (torch.float16, torch.float16),
        (torch.float32, torch.bfloat16),
        (torch.bfloat16, torch.float64),
    ],
    ids=str,
)
def test_base_and_experts_may_be_stored_in_any_dtype(
    some: tuple[Rows, TrimmedSum], dtypes: tuple[torch.dtype, torch.dtype]
) -> None:
    drawn, terms = some
    stored = Rows(
        drawn.base.to(dtypes[0]), [each.to(dtypes[1]) for each in drawn.experts], drawn.owner, 2
    )

    assert_same(run(stored, terms), defined(stored, terms))


def test_experts_may_each_be_stored_in_another_dtype(some: tuple[Rows, TrimmedSum]) -> None:
    drawn, terms = some
    first, second, third = drawn.experts
    mixed = Rows(drawn.base, [first.bfloat16(), second, third.half()], drawn.owner, 2)

    assert_same(run(mixed, terms), defined(mixed, terms))


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_threads_share_the_rows_and_change_no_bit(
    some: tuple[Rows, TrimmedSum], dtype: torch.dtype
) -> None:
    drawn, terms = some

    assert_same(run(drawn, terms, dtype), defined(drawn, terms).to(dtype))


def test_consecutive_numbers_are_merged_as_rows_are(some: tuple[Rows, TrimmedSum]) -> None:
    drawn, terms = some
    one = Rows(drawn.base, drawn.experts, torch.zeros_like(drawn.owner), 1)
    out = torch.empty(drawn.base.numel())

    run_flat(out, drawn.base.flatten(), [each.flatten() for each in drawn.experts], terms)

    assert_same(out.view(1700, 9), defined(one, terms))


def test_a_trimmed_sum_needs_a_base(some: tuple[Rows, TrimmedSum]) -> None:
    drawn, terms = some

    with pytest.raises(ValueError, match="a trimmed sum needs the base"):
        run_terms(torch.empty(1700, 9), None, drawn.experts, terms, drawn.owner)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's compiler uses old names
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_compiled_definitions_give_the_same_bits(
    some: tuple[Rows, TrimmedSum], dtype: torch.dtype
) -> None:
    if shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler for torch.compile")
    drawn, terms = some
    stored = Rows(drawn.base.to(dtype), [each.to(dtype) for each in drawn.experts], drawn.owner, 2)
    scaled_by = torch.from_numpy(terms.shares).float()
    trimmed_by = on_device(terms, stored.base)

    scaled_too, trimmed_too = torch.empty_like(stored.base), torch.empty_like(stored.base)
    scaled = stored.base, tuple(stored.experts), scaled_by
    trimmed = stored.base, tuple(stored.experts), trimmed_by
    run_compiled(scaled_too, scaled_sum, scaled, stored.owner, None)
    run_compiled(trimmed_too, trimmed_sum, trimmed, stored.owner, None)

    assert_same(scaled_too, scaled_sum(*scaled, stored.owner).to(dtype))
    assert_same(trimmed_too, trimmed_sum(*trimmed, stored.owner).to(dtype))
