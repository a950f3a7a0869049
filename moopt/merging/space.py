"""The space of merges that a study searches: its parameters, and the way back to a recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from moopt.errors import MergeError
from moopt.merging.blocks import EveryLayer, LayerGroups, assign
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Choice, Flag, Number, Seed
from moopt.merging.parametrizations import (
    Independent,
    Knots,
    Parametrization,
    coefficients_of,
    constraints,
    search_parameters,
    starting_points,
)
from moopt.merging.recipe import MergeRecipe, OptionValue
from moopt.merging.sources import open_sources
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex


@dataclass(frozen=True, slots=True)
class MergeSpace:
    """Which merges a study tries.

    The models need not be there when the space is made, unless the blocks are those of a model
    (`EveryTensor`): names and bounds of the parameters follow from the arguments.

    Raises:
        MergeError: The method is unknown, has no such option, or is not for these experts.

    Example:
        >>> space = MergeSpace("ties", {"a": Path("a"), "b": Path("b")}, base=Path("base"),
        ...     options={"density": Continuous("density", 0.05, 1.0)})
        >>> [parameter.name for parameter in space.parameters]
        ['a', 'b', 'density']
    """

    method: str
    experts: Mapping[str, Path]
    """Folder of each expert, by its name."""

    _: KW_ONLY
    base: Path | None = None
    """Folder of the base model. None: there is none."""

    statistics: Mapping[str, Path] = field(default_factory=dict)
    """File of each expert's statistics, for methods that take them."""

    coefficients: Parametrization = field(default_factory=Independent)
    """What the search varies. Methods without coefficients pay no attention to it."""

    options: Mapping[str, OptionValue | Parameter] = field(default_factory=dict)
    """Options of the method: values that stay, or parameters of the option's name that vary."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise MergeError(f"unknown merge method {self.method!r}; there are {sorted(METHODS)}")
        known = METHODS[self.method].options
        for name, value in self.options.items():
            if name not in known:
                raise MergeError(
                    f"{self.method} has no option {name!r}; it has {', '.join(known) or 'none'}"
                )
            if isinstance(value, Parameter) and value.name != name:
                raise MergeError(
                    f"the parameter of the option {name!r} must have its name, got {value.name!r}"
                )
        if isinstance(self.coefficients.blocks, LayerGroups) or isinstance(
            self.coefficients, Knots
        ):
            _check_names(self.parameters)

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters of a study: coefficients first, then the options that vary."""
        return [*self._searched, *self._varied]

    @property
    def linear_constraints(self) -> list[LinearConstraint]:
        """The linear constraints of a study."""
        return constraints(self.coefficients, self.blocks()) if self._takes_coefficients else []

    @property
    def start_with(self) -> list[dict[str, object]]:
        """Points that a search should try first: the base, each expert, the average."""
        points: list[dict[str, object]] = [{}]
        if self._takes_coefficients:
            points = starting_points(self.coefficients, list(self.experts), self.blocks())
        options = {each.name: self._usual(each) for each in self._varied}
        return [{**point, **options} for point in points]

    def recipe(self, parameters: Parameters) -> MergeRecipe:
        """Return the merge that a candidate's parameters stand for.

        Raises:
            MergeError: A parameter is missing, or the models are needed and are not there.
        """
        options = {
            name: parameters[name] if isinstance(value, Parameter) else value
            for name, value in self.options.items()
        }
        by_block = {}
        if self._takes_coefficients:
            by_block = self._coefficients(parameters)
        return MergeRecipe(
            self.method,
            {name: str(folder) for name, folder in self.experts.items()},
            base=None if self.base is None else str(self.base),
            coefficients=by_block,
            blocks=self.coefficients.blocks,
            options=options,
            statistics={name: str(file) for name, file in self.statistics.items()},
        )

    def design_matrix(
        self,
    ) -> tuple[Sequence[str], Float[np.ndarray, "e b p"], Float[np.ndarray, "e b"]]:
        """Return how the coefficients follow from the parameters: matrix · parameters + constant.

        Returns:
            The names of the columns, the matrix by expert, block and column, and the constant. A
            simplex has a column for each expert, named `<parameter>.<expert>`.
        """
        experts, blocks = list(self.experts), self.model_blocks()
        columns: list[tuple[str, str | None]] = []
        for parameter in self._searched:
            parts = parameter.parts if isinstance(parameter, Simplex) else (None,)
            columns += [(parameter.name, part) for part in parts]

        def table(chosen: tuple[str, str | None] | None) -> Float[np.ndarray, "e b"]:
            values: dict[str, object] = {}
            for name, part in columns:
                value = float((name, part) == chosen)
                if part is None:
                    values[name] = value
                else:
                    values[name] = {**_mapping(values.get(name)), part: value}
            found = coefficients_of(self.coefficients, experts, blocks, values)
            return np.array([[found[expert][block] for block in blocks] for expert in experts])

        constant = table(None)
        matrix = np.stack([table(column) - constant for column in columns], axis=-1)
        names = [name if part is None else f"{name}.{part}" for name, part in columns]
        return names, matrix, constant

    def blocks(self) -> list[str]:
        """Return the names of the blocks that parameters are for.

        Raises:
            MergeError: They are those of a model that is not there.
        """
        match self.coefficients:
            case Knots():
                return []  # knots have no blocks of their own
            case _:
                blocks = self.coefficients.blocks
                if isinstance(blocks, LayerGroups):
                    return list(blocks.blocks)
                return self.model_blocks()

    def model_blocks(self) -> list[str]:
        """Return the names of the blocks of the models, in the order of their tensors.

        Raises:
            MergeError: The models are not there or do not fit together.
        """
        blocks = self.coefficients.blocks
        if isinstance(blocks, LayerGroups):
            return list(blocks.blocks)
        names = _tensor_names(self.base, tuple(self.experts.items()))
        found = list(dict.fromkeys(assign(blocks, names).values()))
        if isinstance(blocks, EveryLayer):
            found.sort(
                key=lambda block: (not block.isdigit(), int(block) if block.isdigit() else 0)
            )
        return found

    @property
    def _takes_coefficients(self) -> bool:
        return METHODS[self.method].takes_coefficients

    @property
    def _searched(self) -> list[Continuous | Simplex]:
        if not self._takes_coefficients:
            return []
        return search_parameters(self.coefficients, list(self.experts), self.blocks())

    @property
    def _varied(self) -> list[Parameter]:
        return [value for value in self.options.values() if isinstance(value, Parameter)]

    def _coefficients(self, parameters: Parameters) -> dict[str, float | Mapping[str, float]]:
        blocks = self.model_blocks()
        found = coefficients_of(self.coefficients, list(self.experts), blocks, parameters)
        return {
            expert: by_block if len(by_block) > 1 else next(iter(by_block.values()))
            for expert, by_block in found.items()
        }

    def _usual(self, parameter: Parameter) -> object:
        """Return the method's default for an option, within the bounds of the parameter."""
        option = METHODS[self.method].options[parameter.name]
        match option:
            case Choice(words=words):
                default: object = words[0]
            case Number() | Flag() | Seed():
                default = option.default
        match parameter:
            case Continuous() | Integer():
                number = float(default) if isinstance(default, int | float) else parameter.low
                inside = min(max(number, parameter.low), parameter.high)
                return inside if isinstance(parameter, Continuous) else round(inside)
            case Categorical(choices=choices):
                return default if default in choices else choices[0]
            case Simplex():
                raise MergeError(f"the option {parameter.name!r} is a number, not a simplex")


@lru_cache(maxsize=8)
def _tensor_names(base: Path | None, experts: tuple[tuple[str, Path], ...]) -> tuple[str, ...]:
    """Return the names of the merged tensors, read from the folders once."""
    return open_sources(base, dict(experts)).names


def _check_names(parameters: Sequence[Parameter]) -> None:
    names = [parameter.name for parameter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MergeError(
            f"two parameters are named {twice[0]!r}; rename an expert, a block or an option"
        )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
