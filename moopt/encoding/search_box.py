"""The box in which candidates are searched: every point of it stands for valid parameters.

It differs from the unit cube of the surrogate in the simplexes only: there the box has sticks, and
a column per part that says whether the part is in use where their number is limited. Some columns
are moved by gradients, the others take a few values each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.quasirandom import SobolEngine

from moopt.encoding.activity import active_rows
from moopt.encoding.columns import Block, bin_count, neutral_columns, snap_bins
from moopt.encoding.discrete_steps import FEW_VALUES, discrete_steps
from moopt.encoding.simplex_box import is_limited, masks, sticks_and_bounds, weight_bounds
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.weights import sticks_to_weights, uniform_sticks, weights_to_sticks
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex


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
                sticks, low, high = sticks_and_bounds(block.parameter, part)
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
                mask = masks(simplex, columns)
                low, high = weight_bounds(simplex, mask)
                parts.append(weights_to_sticks(columns, low, high))
                if is_limited(simplex):
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
                    used = [masks(block.parameter, keys)] if is_limited(block.parameter) else []
                    snapped.append(torch.cat([sticks, *used], dim=-1))
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
        """Turn independent uniform numbers into points of the box, one number a decision.

        Where linear constraints leave too little room to be hit, the points are spread within it.
        """
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
        rows, constrained = torch.cat(parts, dim=-1), self.constrained_columns()
        if len(constrained):
            spread = self.encoding.repair.spread(rows[:, constrained].numpy())
            rows = rows.index_copy(1, constrained, torch.from_numpy(spread))
        return self.snap(rows)

    def constrained_columns(self) -> Int[Tensor, " c"]:
        """Return the columns on which linear constraints bear."""
        names = {parameter.name for parameter in self.encoding.repair.parameters}
        columns = zip(self.starts(), self.encoding.blocks, strict=True)
        return torch.tensor([c for c, block in columns if block.parameter.name in names]).long()

    def within(self, rows: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Move every row to one near it whose values are valid as they stand."""
        if not self.encoding.repair.constraints:
            return self.snap(rows)
        decode = self.encoding.decode
        points = [decode(point) for point in self.to_points(self.snap(rows))]
        return self.from_points(self.encoding.encode_all(points))

    def active(self, rows: Float[Tensor, "n k"]) -> Bool[Tensor, "n p"]:
        """Say which parameters count at each row, in the order of the encoding."""
        columns = {block.parameter.name: part for block, part in self._parts(rows)}
        by_name = {block.parameter.name: block.parameter for block in self.encoding.blocks}
        always = torch.ones(len(rows), dtype=torch.bool)
        return torch.stack(
            [
                always if each.when is None else active_rows(each.when, by_name, columns)
                for each in by_name.values()
            ],
            dim=1,
        )

    def parameter_of_columns(self) -> Int[Tensor, " k"]:
        """Return the position in the encoding of the parameter that each column belongs to."""
        widths = torch.tensor([_box_width(block) for block in self.encoding.blocks])
        return torch.arange(len(widths)).repeat_interleave(widths)

    def neighbours(self, row: Float[Tensor, " k"]) -> Float[Tensor, "n k"]:
        """Return every row that differs in one discrete parameter by one step or one choice.

        Where a linear constraint ties a parameter to others, these give way.
        """
        found = []
        start = 0
        for block in self.encoding.blocks:
            width = _box_width(block)
            columns = slice(start, start + width)
            start += width
            for changed in discrete_steps(block, row[columns]):
                neighbour = row.clone()
                neighbour[columns] = changed
                found.append(self._around(neighbour, block))
        return torch.stack(found) if found else row.new_empty(0, self.width)

    def _around(self, row: Float[Tensor, " k"], changed: Block) -> Float[Tensor, " k"]:
        columns, repair = self.constrained_columns(), self.encoding.repair
        name = changed.parameter.name
        if repair.limits is None or name not in {each.name for each in repair.parameters}:
            return row
        return row.index_copy(
            0, columns, torch.from_numpy(repair.columns_near(row[columns].numpy(), held=[name]))
        )

    def _parts(self, box: Float[Tensor, "*batch k"]) -> Iterator[tuple[Block, Tensor]]:
        start = 0
        for block in self.encoding.blocks:
            width = _box_width(block)
            yield block, box[..., start : start + width]
            start += width


def _box_width(block: Block) -> int:
    match block.parameter:
        case Simplex() as simplex:
            return block.width - 1 + (block.width if is_limited(simplex) else 0)
        case _:
            return block.width


def _design_width(block: Block) -> int:
    return 1 if isinstance(block.parameter, Categorical) else _box_width(block)
