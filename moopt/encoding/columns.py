"""One parameter as columns of the unit cube, and back.

Continuous, integer and ordered categorical parameters take one column, unordered ones a column per
choice (one-hot), a simplex a column per part. Whole numbers and ordered choices lie in the middle
of bins of equal width, so that a uniform column makes every value equally likely.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.weights import nearest_weights
from moopt.errors import StudyError
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Value
from moopt.study.simplex import Simplex


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of one parameter."""

    parameter: Parameter
    start: int
    width: int

    @property
    def columns(self) -> slice:
        """Where the columns are in a point."""
        return slice(self.start, self.start + self.width)


def blocks_of(parameters: Sequence[Parameter]) -> tuple[Block, ...]:
    """Lay the parameters out one after the other."""
    blocks: list[Block] = []
    start = 0
    for parameter in parameters:
        width = column_count(parameter)
        blocks.append(Block(parameter, start, width))
        start += width
    return tuple(blocks)


def column_count(parameter: Parameter) -> int:
    """Return how many columns a parameter takes."""
    match parameter:
        case Continuous() | Integer() | Categorical(ordered=True):
            return 1
        case Categorical(choices=choices):
            return len(choices)
        case Simplex(parts=parts):
            return len(parts)
        case never:
            assert_never(never)


def bin_count(parameter: Integer | Categorical) -> int:
    """Return how many values a parameter with bins has."""
    if isinstance(parameter, Integer):
        return (parameter.high - parameter.low) // parameter.step + 1
    return len(parameter.choices)


def linear_scale(parameter: Continuous | Integer) -> tuple[float, float]:
    """Return the value at column 0, and how far it goes up to column 1, without log scale."""
    if isinstance(parameter, Integer):
        return parameter.low - parameter.step / 2, float(parameter.step * bin_count(parameter))
    return float(parameter.low), float(parameter.high - parameter.low)


def encode_value(parameter: Parameter, value: Value) -> list[float]:
    """Return the columns of a valid value."""
    match parameter, value:
        case Continuous(low=low, high=high, log=log), int() | float():
            if log:
                low, high, value = math.log(low), math.log(high), math.log(value)
            return [(value - low) / (high - low)]
        case Integer(log=True) as integer, int() | float():
            low, high = _log_edges(integer)
            return [(math.log(value) - low) / (high - low)]
        case Integer(low=low, step=step) as integer, int() | float():
            return [((value - low) / step + 0.5) / bin_count(integer)]
        case Categorical(choices=choices, ordered=True), str() | int() | float():
            return [(choices.index(value) + 0.5) / len(choices)]
        case Categorical(choices=choices), str() | int() | float():
            return [float(choice == value) for choice in choices]
        case Simplex(parts=parts), dict() as weights:
            return [weights[part] for part in parts]
        case _:
            raise StudyError(f"parameter {parameter.name!r} cannot be {value!r}")


def decode_value(parameter: Parameter, columns: Sequence[float]) -> Value:
    """Return the value nearest to any columns."""
    match parameter:
        case Continuous():
            return _decode_continuous(parameter, columns[0])
        case Integer(low=low, high=high, log=True):
            bottom, top = _log_edges(parameter)
            return min(max(round(math.exp(bottom + columns[0] * (top - bottom))), low), high)
        case Integer(low=low, step=step):
            return low + step * _bin(columns[0], bin_count(parameter))
        case Categorical(choices=choices, ordered=True):
            return choices[_bin(columns[0], len(choices))]
        case Categorical(choices=choices):
            return choices[max(range(len(choices)), key=lambda index: columns[index])]
        case Simplex(parts=parts):
            return dict(zip(parts, nearest_weights(parameter, columns), strict=True))
        case never:
            assert_never(never)


def neutral_columns(parameter: Parameter) -> list[float]:
    """Return the columns that stand for an inactive parameter."""
    match parameter:
        case Continuous() | Integer() | Categorical(ordered=True):
            return [0.5]
        case Categorical(choices=choices):
            return [1 / len(choices)] * len(choices)
        case Simplex(parts=parts):
            return nearest_weights(parameter, [1 / len(parts)] * len(parts))
        case never:
            assert_never(never)


def snap_bins(
    parameter: Integer | Categorical, column: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Move each entry of a column to the value that it decodes to."""
    if isinstance(parameter, Integer) and parameter.log:
        low, high = _log_edges(parameter)
        values = torch.exp(low + column.clamp(0, 1) * (high - low)).round()
        values = values.clamp(parameter.low, parameter.high)
        return (values.log() - low) / (high - low)
    count = bin_count(parameter)
    return ((column * count).floor().clamp(0, count - 1) + 0.5) / count


def _decode_continuous(parameter: Continuous, column: float) -> float:
    low, high = parameter.low, parameter.high
    if parameter.log:
        low, high = math.log(low), math.log(high)
    value = low + min(max(column, 0.0), 1.0) * (high - low)
    value = math.exp(value) if parameter.log else value
    return min(max(value, parameter.low), parameter.high)


def _log_edges(integer: Integer) -> tuple[float, float]:
    return math.log(integer.low - 0.5), math.log(integer.high + 0.5)


def _bin(column: float, count: int) -> int:
    return min(max(math.floor(column * count), 0), count - 1)
