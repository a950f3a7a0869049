"""Round float32 sums to the dtype of the model, to the nearest or at random without bias.

bfloat16 keeps eight bits. Task vectors of a light fine-tuning are smaller than that step, so to the
nearest a coefficient of 0.3 changes nothing and one of 0.6 everything: the objectives become a
staircase. Rounded up or down at random, in proportion to the distance, the sum is right on average.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.random_bits import random_bits

CUT_BITS = 16
"""How many bits bfloat16 is shorter than float32."""


@dataclass(frozen=True, slots=True)
class StochasticRounding:
    """Random numbers for each number of the rows that are rounded."""

    keys: Int[Tensor, " t"]
    """Of each tensor, from `rounding_key`."""

    starts: Int[Tensor, " r"]
    """Place in its tensor of each row's first number."""


def require_random_rounding(dtype: torch.dtype) -> None:
    """Refuse a dtype that is not rounded to at random. Float32 is what is rounded, so it stays.

    Raises:
        MergeError: It is neither bfloat16 nor float32.
    """
    if dtype not in {torch.bfloat16, torch.float32}:
        raise MergeError(f"only bfloat16 can be rounded stochastically, got {dtype}")


def round_into(
    out: Float[Tensor, "r w"],
    merged: Float[Tensor, "r w"],
    owner: Int[Tensor, " r"],
    rounding: StochasticRounding | None,
) -> None:
    """Round rows to the dtype of `out`.

    Args:
        out: Where the result goes.
        merged: Float32.
        owner: The tensor of each row.
        rounding: None: to the nearest.

    Raises:
        MergeError: Stochastic rounding was asked for and `out` is neither float32 nor bfloat16.
    """
    if rounding is None or out.dtype == torch.float32:
        out.copy_(merged)
        return
    require_random_rounding(out.dtype)
    places = rounding.starts[:, None] + torch.arange(out.shape[1], device=out.device)
    noise = random_bits(rounding.keys[owner][:, None], places) >> CUT_BITS
    bits = merged.contiguous().view(torch.int32).long() + noise
    out.copy_(((bits >> CUT_BITS) << CUT_BITS).int().view(torch.float32))


def round_flat(
    out: Float[Tensor, " p"], merged: Float[Tensor, " p"], key: int | None, place: int
) -> None:
    """Round consecutive numbers of one tensor.

    Args:
        out: Where the result goes.
        merged: Float32.
        key: The tensor's key for stochastic rounding. None: to the nearest.
        place: Of the first number in its tensor.

    Raises:
        MergeError: Stochastic rounding was asked for and `out` is neither float32 nor bfloat16.
    """
    row = torch.zeros(1, dtype=torch.int32, device=out.device)
    rounding = None
    if key is not None:
        start = torch.tensor([place], device=out.device)
        rounding = StochasticRounding(torch.tensor([key], device=out.device), start)
    round_into(out.view(1, -1), merged.view(1, -1), row, rounding)
