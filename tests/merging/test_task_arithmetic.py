import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moopt.merging.methods.task_arithmetic import task_arithmetic

COEFFICIENTS = st.floats(-2, 2, width=32)


@st.composite
def tensors(draw: st.DrawFn, count: int) -> list[Tensor]:
    """Return tensors of one shape and dtype, all drawn from one seed."""
    shape = draw(st.sampled_from([(), (3,), (2, 5)]))
    dtype = draw(st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    return [torch.randn(shape, generator=generator).to(dtype) for _ in range(count)]


def test_an_example_by_hand() -> None:
    base = torch.tensor([1.0, 2.0])
    vectors = [torch.tensor([1.0, 0.0]), torch.tensor([0.0, -4.0])]

    merged = task_arithmetic(base, vectors, [0.5, 0.25])

    assert merged.tolist() == [1.5, 1.0]


@given(tensors(count=3))
def test_zero_coefficients_give_the_base_bit_for_bit(drawn: list[Tensor]) -> None:
    base, *vectors = drawn
    base = -base.abs() * torch.tensor(
        0.0, dtype=base.dtype
    )  # negative zeros, which a sum would lose

    merged = task_arithmetic(base, vectors, [0.0, 0.0])

    assert torch.equal(merged.signbit(), base.signbit())
    assert torch.equal(merged, base)


@given(tensors(count=2))
def test_one_expert_at_one_is_the_expert_to_rounding(drawn: list[Tensor]) -> None:
    base, expert = drawn

    merged = task_arithmetic(base, [expert.float() - base.float()], [1.0])

    torch.testing.assert_close(merged, expert)


@given(tensors(count=4), st.tuples(COEFFICIENTS, COEFFICIENTS, COEFFICIENTS))
def test_the_order_of_the_experts_changes_nothing_beyond_rounding(
    drawn: list[Tensor], coefficients: tuple[float, float, float]
) -> None:
    base, *vectors = drawn

    merged = task_arithmetic(base, vectors, coefficients)
    reversed_ = task_arithmetic(base, vectors[::-1], coefficients[::-1])

    torch.testing.assert_close(merged, reversed_)


@given(tensors(count=2), COEFFICIENTS, COEFFICIENTS)
def test_it_is_linear_in_the_coefficient(drawn: list[Tensor], first: float, second: float) -> None:
    base, vector = (tensor.float() for tensor in drawn)

    twice = task_arithmetic(task_arithmetic(base, [vector], [first]), [vector], [second])
    at_once = task_arithmetic(base, [vector], [first + second])

    torch.testing.assert_close(twice, at_once, atol=1e-5, rtol=1e-5)


@given(tensors(count=2), COEFFICIENTS)
def test_inputs_stay_as_they_were(drawn: list[Tensor], coefficient: float) -> None:
    before = [tensor.clone() for tensor in drawn]

    task_arithmetic(drawn[0], drawn[1:], [coefficient])

    assert [torch.equal(*pair) for pair in zip(before, drawn, strict=True)] == [True, True]


@given(tensors(count=2), COEFFICIENTS)
def test_shape_and_dtype_are_those_of_the_base(drawn: list[Tensor], coefficient: float) -> None:
    base, vector = drawn

    merged = task_arithmetic(base, [vector.float()], [coefficient])

    assert (merged.shape, merged.dtype) == (base.shape, base.dtype)


def test_small_terms_are_not_lost_in_half_precision() -> None:
    base = torch.tensor([256.0], dtype=torch.bfloat16)
    vectors = [torch.tensor([0.5])] * 4  # bfloat16 has steps of 2 here: one by one each is lost

    merged = task_arithmetic(base, vectors, [1.0] * 4)

    assert merged.tolist() == [258.0]
