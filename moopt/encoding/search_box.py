"""The box in which candidates are searched: every point of it stands for valid parameters.

It differs from the unit cube of the surrogate in the simplexes only: there the box has sticks, and
a column per part that says whether the part is in use where their number is limited. Some columns
are moved by gradients, the others take a few values each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.quasirandom import SobolEngine

from moopt.encoding.activity import active_rows
from moopt.encoding.columns import (
    Block,
    bin_count,
    decode_value,
    encode_value,
    neutral_columns,
    snap_bins,
)
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.weights import (
    sticks_to_weights,
    uniform_sticks,
    usable_parts,
    weights_to_sticks,
)
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex

FEW_VALUES = 8
"""Up to so many values an integer is searched value by value, above by gradient and rounding."""


@dataclass(frozen=True, slots=True)
class SearchBox:
    """The box of `k` columns that belongs to an encoding of `d` columns."""

    encoding: SpaceEncoding

    @property
    def width(self) -> int:
        """Number of columns, k."""
        return sum(_box_width(block) for block in self.encoding.blocks)

    @property
    def design_width(self) -> int:
        """How many independent numbers decide a point."""
        return sum(_design_width(block) for block in self.encoding.blocks)

    def starts(self) -> list[int]:
        """Return the first column of each parameter, in the order of the encoding."""
        starts, start = [], 0
        for block in self.encoding.blocks:
            starts.append(start)
            start += _box_width(block)
        return starts

    def smooth(self) -> Bool[Tensor, " k"]:
        """Say which columns a gradient may move."""
        flags: list[bool] = []
        for block in self.encoding.blocks:
            match block.parameter:
                case Continuous():
                    flags.append(True)
                case Integer():
                    flags.append(bin_count(block.parameter) > FEW_VALUES)
                case Categorical():
                    flags += [False] * block.width
                case Simplex():
                    sticks = block.width - 1
                    flags += [True] * sticks + [False] * (_box_width(block) - sticks)
                case never:
                    assert_never(never)
        return torch.tensor(flags)

    def to_points(self, box: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch d"]:
        """Return the points of the surrogate's cube; differentiable in the smooth columns."""
        columns: dict[str, Tensor] = {}
        for block, part in self._parts(box):
            if isinstance(block.parameter, Simplex):
                sticks, low, high = _sticks_and_bounds(block.parameter, part)
                columns[block.parameter.name] = sticks_to_weights(sticks, low, high)
            else:
                columns[block.parameter.name] = part
        by_name = {block.parameter.name: block.parameter for block in self.encoding.blocks}
        shown = []
        for block in self.encoding.blocks:
            values = columns[block.parameter.name]
            if block.parameter.when is not None:
                neutral = torch.tensor(neutral_columns(block.parameter), dtype=values.dtype)
                active = active_rows(block.parameter.when, by_name, columns)
                values = torch.where(active[..., None], values, neutral)
            shown.append(values)
        return torch.cat(shown, dim=-1)

    def from_points(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Return where valid points lie in the box."""
        parts = []
        for block in self.encoding.blocks:
            columns = points[:, block.columns]
            simplex = block.parameter
            if isinstance(simplex, Simplex):
                mask = _masks(simplex, columns)
                low, high = _bounds(simplex, mask)
                parts.append(weights_to_sticks(columns, low, high))
                if _is_limited(simplex):
                    parts.append(mask)
            else:
                parts.append(columns)
        return self.snap(torch.cat(parts, dim=-1))

    def snap(self, box: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Move every row to the nearest one whose discrete columns have one of their values."""
        snapped = []
        for block, part in self._parts(box):
            match block.parameter:
                case Continuous():
                    snapped.append(part.clamp(0, 1))
                case Integer() | Categorical(ordered=True):
                    snapped.append(snap_bins(block.parameter, part))
                case Categorical():
                    best = torch.nn.functional.one_hot(part.argmax(-1), block.width)
                    snapped.append(best.to(part.dtype))
                case Simplex():
                    sticks = part[:, : block.width - 1].clamp(0, 1)
                    keys = part[:, block.width - 1 :]
                    limited = _is_limited(block.parameter)
                    masks = [_masks(block.parameter, keys)] if limited else []
                    snapped.append(torch.cat([sticks, *masks], dim=-1))
                case never:
                    assert_never(never)
        return torch.cat(snapped, dim=-1)

    def sobol(self, count: int, *, seed: int, skip: int = 0) -> Float[Tensor, "count k"]:
        """Return points spread evenly over the parameters, simplexes and conditions included.

        Source: Owen, "Scrambling Sobol' and Niederreiter–Xing points", Journal of Complexity 14
        (1998), as in torch.
        """
        engine = SobolEngine(self.design_width, scramble=True, seed=seed)
        if skip:
            engine.fast_forward(skip)
        return self.from_uniform(engine.draw(count, dtype=torch.float64))

    def from_uniform(self, uniform: Float[Tensor, "n u"]) -> Float[Tensor, "n k"]:
        """Turn independent uniform numbers into points of the box, one number a decision."""
        parts, start = [], 0
        for block in self.encoding.blocks:
            width = _design_width(block)
            numbers = uniform[:, start : start + width]
            start += width
            match block.parameter:
                case Categorical(ordered=False, choices=choices):
                    index = (numbers[:, 0] * len(choices)).long().clamp_max(len(choices) - 1)
                    parts.append(torch.nn.functional.one_hot(index, len(choices)).to(numbers.dtype))
                case Simplex():
                    sticks = uniform_sticks(numbers[:, : block.width - 1])
                    parts.append(torch.cat([sticks, numbers[:, block.width - 1 :]], dim=-1))
                case _:
                    parts.append(numbers)
        return self.snap(torch.cat(parts, dim=-1))

    def neighbours(self, row: Float[Tensor, " k"]) -> Float[Tensor, "n k"]:
        """Return every row that differs in one discrete parameter by one step or one choice."""
        found = []
        start = 0
        for block in self.encoding.blocks:
            width = _box_width(block)
            columns = slice(start, start + width)
            start += width
            for changed in _changes(block, row[columns]):
                neighbour = row.clone()
                neighbour[columns] = changed
                found.append(neighbour)
        return torch.stack(found) if found else row.new_empty(0, self.width)

    def _parts(self, box: Float[Tensor, "*batch k"]) -> Iterator[tuple[Block, Tensor]]:
        start = 0
        for block in self.encoding.blocks:
            width = _box_width(block)
            yield block, box[..., start : start + width]
            start += width


def _box_width(block: Block) -> int:
    match block.parameter:
        case Simplex() as simplex:
            return block.width - 1 + (block.width if _is_limited(simplex) else 0)
        case _:
            return block.width


def _design_width(block: Block) -> int:
    return 1 if isinstance(block.parameter, Categorical) else _box_width(block)


def _is_limited(simplex: Simplex) -> bool:
    return simplex.usable < len(simplex.parts)


def _masks(simplex: Simplex, keys: Float[Tensor, "n parts"]) -> Float[Tensor, "n parts"]:
    masks = torch.zeros_like(keys)
    if not _is_limited(simplex):
        return masks + 1.0
    for row, preference in enumerate(keys.tolist()):
        masks[row, list(usable_parts(simplex, preference))] = 1.0
    return masks


def _bounds(
    simplex: Simplex, mask: Float[Tensor, "*batch parts"]
) -> tuple[Float[Tensor, "*batch parts"], Float[Tensor, "*batch parts"]]:
    limits = torch.tensor(simplex.bounds, dtype=mask.dtype)
    return limits[:, 0] * mask, limits[:, 1] * mask


def _sticks_and_bounds(
    simplex: Simplex, part: Float[Tensor, "*batch w"]
) -> tuple[Tensor, Tensor, Tensor]:
    count = len(simplex.parts)
    sticks = part[..., : count - 1]
    limited = _is_limited(simplex)
    shape = (*part.shape[:-1], count)
    mask = part[..., count - 1 :].detach() if limited else part.new_ones(shape)
    low, high = _bounds(simplex, mask)
    return sticks, low, high


def _changes(block: Block, columns: Float[Tensor, " w"]) -> Iterator[Float[Tensor, " w"]]:
    match block.parameter:
        case Continuous():
            return
        case Integer() as integer:
            yield from _integer_changes(integer, columns)
        case Categorical(choices=choices) as categorical:
            here = decode_value(categorical, columns.tolist())
            for choice in choices:
                if choice != here:
                    yield columns.new_tensor(encode_value(categorical, choice))
        case Simplex(parts=parts) as simplex:
            if _is_limited(simplex):
                sticks, mask = columns[: len(parts) - 1], columns[len(parts) - 1 :]
                for part in (mask == 0).nonzero()[:, 0].tolist():
                    keys = mask.clone()
                    keys[part] = 2.0
                    yield torch.cat([sticks, _masks(simplex, keys[None])[0]])
        case never:
            assert_never(never)


def _integer_changes(
    integer: Integer, columns: Float[Tensor, " 1"]
) -> Iterator[Float[Tensor, " 1"]]:
    here = decode_value(integer, columns.tolist())
    if not isinstance(here, int):
        return
    few = bin_count(integer) <= FEW_VALUES
    near = range(here - integer.step, here + integer.step + 1, integer.step)
    for value in range(integer.low, integer.high + 1, integer.step) if few else near:
        if value != here and integer.low <= value <= integer.high:
            yield columns.new_tensor(encode_value(integer, value))
