"""Sums are rounded to the nearest, or at random to one of the two neighbours without bias."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.method import ScaledTerms
from moopt.merging.passes import run_flat
from moopt.merging.random_bits import random_bits, rounding_key, uniforms
from moopt.merging.rounding import round_flat

CPU = torch.device("cpu")
FINITE = st.floats(-(2.0**127), 2.0**127, width=32)


def rounded(numbers: Tensor, key: int | None, place: int = 0) -> Tensor:
    out = torch.empty(len(numbers), dtype=torch.bfloat16, device=numbers.device)
    round_flat(out, numbers, key, place)
    return out


def neighbours(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bfloat16 numbers next to float32 numbers, the one nearer to zero first."""
    bits = numbers.view(torch.int32) & ~0xFFFF
    nearer = bits.view(torch.float32)
    farther = torch.where(nearer == numbers, bits, bits + 0x10000).view(torch.float32)
    return nearer, farther


@settings(deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=40), st.integers(0, 100))
def test_only_the_two_neighbours_occur(drawn: list[float], seed: int) -> None:
    numbers = torch.tensor(drawn)

    found = rounded(numbers, rounding_key(seed, "tensor")).float()

    nearer, farther = neighbours(numbers)
    assert bool(((found == nearer) | (found == farther)).all())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rounding_at_random_is_right_on_average(
    device: torch.device, share: float, sign: float
) -> None:
    step = 2.0**-7  # between bfloat16 numbers from 1 to 2
    numbers = torch.full((40_000,), sign * (1 + share * step), device=device)

    found = rounded(numbers, rounding_key(0, "tensor")).double()

    # The standard deviation of the mean is at most step / 2 / 200.
    assert float((found - numbers[0].double()).mean() / step) == pytest.approx(0, abs=0.01)


def test_what_bfloat16_holds_stays(device: torch.device) -> None:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(500, generator=generator).bfloat16().to(device)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf]).bfloat16().to(device)
    both = torch.cat([numbers, special])

    found = rounded(both.float(), rounding_key(1, "tensor"))

    assert torch.equal(found.view(torch.int16), both.view(torch.int16))


def test_without_a_key_it_is_to_the_nearest(device: torch.device) -> None:
    numbers = torch.randn(500, generator=torch.Generator().manual_seed(0)).to(device)

    assert torch.equal(rounded(numbers, None), numbers.bfloat16())


def test_float32_is_not_rounded() -> None:
    numbers = torch.randn(50, generator=torch.Generator().manual_seed(0))
    out = torch.empty(50)

    round_flat(out, numbers, rounding_key(0, "tensor"), 0)

    assert torch.equal(out, numbers)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
def test_other_dtypes_are_not_rounded_at_random(dtype: torch.dtype) -> None:
    with pytest.raises(
        MergeError, match=f"only bfloat16 can be rounded stochastically, got {dtype}"
    ):
        round_flat(torch.empty(3, dtype=dtype), torch.ones(3), rounding_key(0, "tensor"), 0)


def test_the_seed_and_the_tensor_decide() -> None:
    numbers = torch.full((1000,), 1.004)

    found = {
        (seed, name): rounded(numbers, rounding_key(seed, name)).tolist()
        for seed in (0, 1)
        for name in ("a", "b")
    }

    assert rounded(numbers, rounding_key(0, "a")).tolist() == found[0, "a"]
    assert len({tuple(each) for each in found.values()}) == 4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=4))
def test_it_does_not_matter_in_which_pieces_a_tensor_is_merged(sizes: list[int]) -> None:
    count = sum(sizes)
    numbers = torch.randn(count, generator=torch.Generator().manual_seed(0))
    terms = ScaledTerms(torch.ones(1, 1).double().numpy(), from_base=False)
    key = rounding_key(0, "tensor")
    whole, cut = (torch.empty(count, dtype=torch.bfloat16) for _ in range(2))

    run_flat(whole, None, [numbers], terms, (key, 0))
    place = 0
    for part, own in zip(cut.split(sizes), numbers.split(sizes), strict=True):
        run_flat(part, None, [own], terms, (key, place))
        place += len(own)

    assert torch.equal(cut, whole)
    assert torch.equal(whole, rounded(numbers, key))


@pytest.mark.parametrize("start", [0, 5, 2**31 - 2, 2**32 - 3, 2**33])
def test_random_numbers_are_those_of_their_definition(device: torch.device, start: int) -> None:
    key = rounding_key(3, "tensor")
    places = torch.arange(start, start + 50)

    found = uniforms(key, 50, start, device)

    defined = random_bits(torch.tensor(key), places).double() / 2**32
    assert found.dtype == torch.float64
    assert torch.equal(found.cpu(), defined)


def test_random_numbers_fill_the_interval_evenly() -> None:
    found = uniforms(rounding_key(0, "tensor"), 100_000, 0, CPU)

    counts = torch.histc(found, bins=20, min=0, max=1)
    # 5,000 in each, with a standard deviation of 69
    assert float((counts - 5000).abs().max()) < 300
    assert 0 <= float(found.min()) < float(found.max()) < 1
    lagged = torch.corrcoef(torch.stack([found[:-1], found[1:]]))
    assert abs(float(lagged[0, 1])) < 0.015
