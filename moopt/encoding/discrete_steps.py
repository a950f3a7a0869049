"""The single steps of one parameter: another choice, a whole number more or less, another part."""

from collections.abc import Iterator
from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.columns import Block, bin_count, decode_value, encode_value
from moopt.encoding.simplex_box import is_limited, masks
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex

FEW_VALUES = 8
"""Up to so many values an integer is searched value by value, above by gradient and rounding."""


def discrete_steps(block: Block, columns: Float[Tensor, " w"]) -> Iterator[Float[Tensor, " w"]]:
    """Yield the columns of a parameter after each step that it can take."""
    match block.parameter:
        case Continuous():
            return
        case Integer() as integer:
            yield from _integer_steps(integer, columns)
        case Categorical(choices=choices) as categorical:
            here = decode_value(categorical, columns.tolist())
            for choice in choices:
                if choice != here:
                    yield columns.new_tensor(encode_value(categorical, choice))
        case Simplex(parts=parts) as simplex:
            if is_limited(simplex):
                sticks, mask = columns[: len(parts) - 1], columns[len(parts) - 1 :]
                for part in (mask == 0).nonzero()[:, 0].tolist():
                    keys = mask.clone()
                    keys[part] = 2.0
                    yield torch.cat([sticks, masks(simplex, keys[None])[0]])
        case never:
            assert_never(never)


def _integer_steps(integer: Integer, columns: Float[Tensor, " 1"]) -> Iterator[Float[Tensor, " 1"]]:
    here = decode_value(integer, columns.tolist())
    if not isinstance(here, int):
        return
    few = bin_count(integer) <= FEW_VALUES
    near = range(here - integer.step, here + integer.step + 1, integer.step)
    for value in range(integer.low, integer.high + 1, integer.step) if few else near:
        if value != here and integer.low <= value <= integer.high:
            yield columns.new_tensor(encode_value(integer, value))
