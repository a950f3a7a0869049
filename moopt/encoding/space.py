"""Parameters of a study as points of the unit cube, and back.

The surrogate sees only these columns. An inactive parameter takes neutral values: the columns of
its parent say that it does not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.columns import (
    Block,
    blocks_of,
    decode_value,
    encode_value,
    neutral_columns,
)
from moopt.encoding.linear_constraints import LinearRepair
from moopt.study.parameters import Categorical, Parameters, Value
from moopt.study.study import Study
from moopt.study.validation import is_active, parents_first


@dataclass(frozen=True, slots=True)
class SpaceEncoding:
    """The map between the parameters of a study and points with `d` columns."""

    study: Study
    blocks: tuple[Block, ...]
    """In the order of the study's parameters."""

    repair: LinearRepair

    @classmethod
    def of(cls, study: Study) -> "SpaceEncoding":
        """Lay out a study's parameters.

        Raises:
            StudyError: The study's linear constraints cannot hold together.
        """
        return cls(study, blocks_of(study.parameters), LinearRepair.of(study))

    @property
    def width(self) -> int:
        """Number of columns, d."""
        return sum(block.width for block in self.blocks)

    def encode(self, parameters: Parameters) -> Float[Tensor, " d"]:
        """Return the point of valid parameters."""
        return torch.tensor(self._columns(parameters), dtype=torch.float64)

    def encode_all(self, many: Sequence[Parameters]) -> Float[Tensor, "n d"]:
        """Return one point a row."""
        if not many:
            return torch.empty(0, self.width, dtype=torch.float64)
        return torch.tensor([self._columns(each) for each in many], dtype=torch.float64)

    def _columns(self, parameters: Parameters) -> list[float]:
        columns: list[float] = []
        for block in self.blocks:
            if block.parameter.name in parameters:
                value = parameters[block.parameter.name]
                columns += encode_value(
                    block.parameter, dict(value) if isinstance(value, Mapping) else value
                )
            else:
                columns += neutral_columns(block.parameter)
        return columns

    def middle(self, choices: Parameters) -> Float[Tensor, " d"]:
        """Return the middle of the cube, with the given choices where choices have no order.

        The parts of a simplex are equal.
        """
        unordered = {
            each.name
            for each in self.study.parameters
            if isinstance(each, Categorical) and not each.ordered
        }
        return self.encode({name: value for name, value in choices.items() if name in unordered})

    def decode(self, point: Float[Tensor, " d"]) -> dict[str, Value]:
        """Return valid parameters near to any point of the cube."""
        columns = point.tolist()
        by_name = {block.parameter.name: block for block in self.blocks}
        # Constrained parameters have no conditions, but others may depend on where they end up.
        values = self.repair.repair(self._constrained(columns))
        for parameter in parents_first(self.study.parameters):
            name = parameter.name
            if name not in values and is_active(parameter, values):
                values[name] = decode_value(parameter, columns[by_name[name].columns])
        return {name: values[name] for name in by_name if name in values}

    def is_inside(self, point: Float[Tensor, " d"]) -> bool:
        """Say whether a point decodes without being moved by a linear constraint."""
        return self.repair.holds(self._constrained(point.tolist()))

    def _constrained(self, columns: Sequence[float]) -> dict[str, Value]:
        names = {parameter.name for parameter in self.repair.parameters}
        return {
            block.parameter.name: decode_value(block.parameter, columns[block.columns])
            for block in self.blocks
            if block.parameter.name in names
        }
