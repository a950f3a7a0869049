"""The numbers of a recipe, spread over the tensors that they are for."""

from collections.abc import Mapping, Sequence

import numpy as np

from moopt.errors import MergeError
from moopt.merging.blocks import assign
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Choice, Column, Flag, Number, Seed, Settings, Table
from moopt.merging.recipe import ByBlock, MergeRecipe, OptionValue


def settings_of(
    recipe: MergeRecipe, tensors: Sequence[str], block_of: Mapping[str, str] | None = None
) -> Settings:
    """Return coefficients and options of each tensor, options that were left out by default.

    Args:
        recipe: What to merge.
        tensors: The reference's names of the merged tensors.
        block_of: The block of each tensor, where it is known already. It may hold more tensors, of
            whose blocks the recipe says something too.

    Raises:
        MergeError: The recipe names blocks that the model does not have, or leaves some out.
    """
    block_of = assign(recipe.blocks, tensors) if block_of is None else block_of
    spread = _Spread(block_of, tensors)
    options = METHODS[recipe.method].options
    numbers = {name: each for name, each in options.items() if isinstance(each, Number)}
    given = recipe.options
    coefficients = np.ones((len(tensors), len(recipe.experts)))
    if METHODS[recipe.method].takes_coefficients:
        coefficients = spread.table("the coefficient", recipe.coefficients, list(recipe.experts))
    return Settings(
        coefficients,
        of_experts={
            name: spread.table(name, given.get(name, option.default), list(recipe.experts))
            for name, option in numbers.items()
            if option.is_of_experts
        },
        of_tensors={
            name: spread.column(name, _by_block(given.get(name, option.default)))
            for name, option in numbers.items()
            if not option.is_of_experts
        },
        flags={
            name: bool(given.get(name, option.default))
            for name, option in options.items()
            if isinstance(option, Flag)
        },
        words={
            name: str(given.get(name, option.words[0]))
            for name, option in options.items()
            if isinstance(option, Choice)
        },
        seed=next(
            (_whole(given.get(n, o.default)) for n, o in options.items() if isinstance(o, Seed)), 0
        ),
        has_base=recipe.base is not None,
    )


class _Spread:
    """Looks up the block of each tensor."""

    def __init__(self, block_of: Mapping[str, str], tensors: Sequence[str]) -> None:
        self._names = list(dict.fromkeys(block_of.values()))
        place = {name: index for index, name in enumerate(self._names)}
        self._index = np.array([place[block_of[name]] for name in tensors], dtype=np.int64)

    def table(self, what: str, value: OptionValue, experts: Sequence[str]) -> Table:
        if not isinstance(value, Mapping):
            value = dict.fromkeys(experts, _number(value))
        columns = [self.column(f"{what} of {expert!r}", value[expert]) for expert in experts]
        return np.stack(columns, axis=1)

    def column(self, what: str, value: ByBlock) -> Column:
        if not isinstance(value, Mapping):
            return np.full(len(self._index), float(value))
        if set(value) != set(self._names):
            missing = [name for name in self._names if name not in value]
            extra = [name for name in value if name not in self._names]
            raise MergeError(
                f"{what} is given block by block, but "
                + (f"lacks {', '.join(missing[:5])}" if missing else f"the model has no {extra[0]}")
                + f"; the blocks are {', '.join(self._names[:20])}"
            )
        return np.array([float(value[name]) for name in self._names])[self._index]


def _by_block(value: OptionValue) -> ByBlock:
    if isinstance(value, Mapping):
        return {block: _number(number) for block, number in value.items()}
    return _number(value)


def _number(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise MergeError(f"expected a number, got {value!r}")


def _whole(value: OptionValue) -> int:
    return int(_number(value))
