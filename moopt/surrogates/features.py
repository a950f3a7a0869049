"""Points as the kernels see them: groups of features that share a lengthscale.

A number is a feature of its own. The choices of a categorical parameter are one group, in which two
different choices are a distance of one apart. A conditional number lies on an arc around the origin
and an inactive one at the origin: it is equally far from every active value, and two inactive ones
are equal, so that parameters which do not count have no say.

Source: Swersky, Duvenaud, Snoek, Hutter and Osborne, "Raiders of the lost architecture: kernels for
Bayesian optimization in conditional parameter spaces", arXiv:1409.4011 (2014).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.encoding.activity import active_rows
from moopt.encoding.columns import Block
from moopt.encoding.space import SpaceEncoding
from moopt.study.parameters import Categorical
from moopt.study.simplex import Simplex


@dataclass(frozen=True, slots=True)
class Features:
    """The features of `f` columns that belong to an encoding of `d` columns."""

    encoding: SpaceEncoding
    groups: Int[Tensor, " f"]
    """The group of each feature, counted from 0."""

    categorical: tuple[int, ...]
    """The groups that are categorical parameters."""

    alike: tuple[tuple[int, ...], ...]
    """Those of them that have the same choices, three or more, where there are several."""

    plain: bool
    """Points are their own features."""

    @classmethod
    def of(cls, encoding: SpaceEncoding) -> "Features":
        """Lay out the features of an encoding."""
        groups: list[int] = []
        categorical: list[int] = []
        by_choices: dict[str, list[int]] = {}
        count = 0
        for block in encoding.blocks:
            parameter = block.parameter
            if isinstance(parameter, Categorical) and not parameter.ordered:
                groups += [count] * block.width
                categorical.append(count)
                by_choices.setdefault(repr(parameter.choices), []).append(count)
                count += 1
                continue
            copies = 2 if _is_on_arc(block) else 1
            for _ in range(block.width):
                groups += [count] * copies
                count += 1
        plain = all(not _is_choice(b) and b.parameter.when is None for b in encoding.blocks)
        every = torch.tensor(groups)
        alike = tuple(
            tuple(each)
            for each in by_choices.values()
            if len(each) > 1 and int((every == each[0]).sum()) > 2
        )
        return cls(encoding, every, tuple(categorical), alike, plain)

    @property
    def group_count(self) -> int:
        """Number of groups, g."""
        return int(self.groups.max()) + 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """The columns of points that are numbers or ordered choices."""
        return tuple(
            block.start
            for block in self.encoding.blocks
            if not _is_choice(block) and not isinstance(block.parameter, Simplex)
        )

    def of_points(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch f"]:
        """Return the features of points; differentiable."""
        if self.plain:
            return points
        blocks = self.encoding.blocks
        columns = {block.parameter.name: points[..., block.columns] for block in blocks}
        by_name = {block.parameter.name: block.parameter for block in blocks}
        parts = []
        for block in blocks:
            values = columns[block.parameter.name]
            when = block.parameter.when
            if _is_on_arc(block):
                values = torch.cat([values.sin(), values.cos()], dim=-1)
            elif _is_choice(block):
                values = values * math.sqrt(0.5)
            if when is not None:
                active = active_rows(when, by_name, columns)
                values = values * active[..., None].to(values.dtype)
            parts.append(values)
        return torch.cat(parts, dim=-1)


def _is_choice(block: Block) -> bool:
    return isinstance(block.parameter, Categorical) and not block.parameter.ordered


def _is_on_arc(block: Block) -> bool:
    parameter = block.parameter
    return (
        parameter.when is not None and not _is_choice(block) and not isinstance(parameter, Simplex)
    )
