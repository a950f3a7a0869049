"""A study's space as peers know spaces: a flat list of numbers, and the way back.

Every parameter becomes one axis or several: a real number, a whole number (integers, and ordered
choices by their place) or a choice by its place. Peers have no simplex: its weights are one of the
`Weights`. Conditions and sums stay what they are, for the peers that know them; whatever else a
peer proposes is moved to the nearest parameters that are valid.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import assert_never

from moopt.encoding.linear_constraints import LinearRepair
from moopt.encoding.weights import nearest_weights
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.validation import is_active, parents_first

SMALLEST = 1e-9
"""Below it a number whose logarithm makes a weight is as good as zero."""

SAME = 1e-6
"""Share of an axis by which two values of it may differ and still be one point."""

Point = Mapping[str, float]
"""A value for each axis, by name. Those of inactive axes count for nothing, or are absent."""


class Kind(enum.StrEnum):
    """What the values of an axis are."""

    REAL = "real"
    WHOLE = "whole"
    PICK = "pick"
    """The place of a choice; nothing is between two of them."""


class Weights(enum.Enum):
    """How a simplex becomes axes."""

    LOGARITHMS = "a number in (0, 1] for each part, whose negative logarithms are normalised"
    """As Optuna's FAQ draws from a Dirichlet distribution: uniform numbers, uniform weights."""

    REST = "the weight of each part but the last, which has the rest"
    ALL = "the weight of each part, normalised"


@dataclass(frozen=True, slots=True)
class Axis:
    """One number of a flat space, between two bounds, both included."""

    name: str
    kind: Kind
    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    when: tuple[str, tuple[int, ...]] | None = None
    """The axis on which it depends, and its values where this one counts. None: it always does."""

    @property
    def middle(self) -> float:
        """A value for points in which it does not count."""
        if self.kind is Kind.PICK:
            return 0
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return round(middle) if self.kind is Kind.WHOLE else middle


@dataclass(frozen=True, slots=True)
class Sum:
    """A limit on a weighted sum of axes."""

    coefficients: Mapping[str, float]
    _: KW_ONLY
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class FlatSpace:
    """The axes of a study, and what they stand for."""

    study: Study
    weights: Weights
    axes_of: Mapping[str, tuple[Axis, ...]]
    """By parameter, parents first."""

    repair: LinearRepair

    @classmethod
    def of(cls, study: Study, weights: Weights) -> "FlatSpace":
        """Lay out a study's parameters.

        Raises:
            StudyError: The study's linear constraints cannot hold together.
        """
        axes: dict[str, tuple[Axis, ...]] = {}
        by_name = {each.name: each for each in study.parameters}
        for parameter in parents_first(study.parameters):
            when = None
            if parameter.when is not None:
                parent = by_name[parameter.when.name]
                places = tuple(int(_number(parent, value)) for value in parameter.when.allowed)
                when = (axes[parent.name][0].name, places)
            first = sum(len(each) for each in axes.values())
            axes[parameter.name] = tuple(_axes(parameter, weights, first, when))
        return cls(study, weights, axes, LinearRepair.of(study))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes, those before others on which others depend."""
        return tuple(axis for axes in self.axes_of.values() for axis in axes)

    @property
    def sums(self) -> list[Sum]:
        """The study's linear constraints, and the sums of its simplexes."""
        found = [
            _over_axes(
                [(name, each) for name, each in constraint.coefficients.items() if each],
                constraint.at_least,
                constraint.at_most,
                {each.name: each for each in self.study.parameters},
                self.axes_of,
            )
            for constraint in self.study.linear_constraints
        ]
        for parameter in self.study.parameters:
            if isinstance(parameter, Simplex) and self.weights is not Weights.LOGARITHMS:
                ones = dict.fromkeys((each.name for each in self.axes_of[parameter.name]), 1.0)
                low, high = parameter.bounds[-1]
                if self.weights is Weights.ALL:
                    low, high = 0.0, 0.0
                found.append(Sum(ones, at_least=1.0 - high, at_most=1.0 - low))
        return found

    def parameters(self, point: Point) -> dict[str, Value]:
        """Return the valid parameters that a point stands for, or those nearest to it."""
        values: dict[str, Value] = {}
        constrained = {each.name for each in self.repair.parameters}
        for parameter in self.study.parameters:
            if parameter.name in constrained:
                values[parameter.name] = self._value(parameter, point)
        values = self.repair.repair(values)
        for parameter in parents_first(self.study.parameters):
            if parameter.name not in values and is_active(parameter, values):
                values[parameter.name] = self._value(parameter, point)
        return {
            each.name: values[each.name] for each in self.study.parameters if each.name in values
        }

    def point(self, parameters: Parameters, *, whole: bool = False) -> dict[str, float]:
        """Return where parameters lie.

        Args:
            parameters: Valid ones.
            whole: Give axes that do not count a value too.
        """
        found: dict[str, float] = {}
        for parameter in parents_first(self.study.parameters):
            axes = self.axes_of[parameter.name]
            if parameter.name in parameters:
                numbers = self._numbers(parameter, parameters[parameter.name])
                found |= {axis.name: each for axis, each in zip(axes, numbers, strict=True)}
            elif whole and isinstance(parameter, Simplex):
                equal = nearest_weights(
                    parameter, [1 / len(parameter.parts)] * len(parameter.parts)
                )
                numbers = self._numbers(parameter, dict(zip(parameter.parts, equal, strict=True)))
                found |= {axis.name: each for axis, each in zip(axes, numbers, strict=True)}
            elif whole:
                found |= {axis.name: axis.middle for axis in axes}
        return found

    def moved(self, point: Point, parameters: Parameters) -> bool:
        """Say whether parameters lie elsewhere than the point of which they were made."""
        actual = self.point(parameters)
        for parameter in self.study.parameters:
            if isinstance(parameter, Simplex) and self.weights is Weights.LOGARITHMS:
                continue
            for axis in self.axes_of[parameter.name]:
                if axis.name not in actual:
                    continue
                if abs(actual[axis.name] - point[axis.name]) > SAME * (axis.high - axis.low):
                    return True
        return False

    def _value(self, parameter: Parameter, point: Point) -> Value:
        numbers = [point[axis.name] for axis in self.axes_of[parameter.name]]
        match parameter:
            case Continuous(low=low, high=high):
                return min(max(float(numbers[0]), low), high)
            case Integer(low=low, high=high, step=step):
                number = round(numbers[0])
                return min(max(low + step * number if step > 1 else number, low), high)
            case Categorical(choices=choices):
                return choices[min(max(round(numbers[0]), 0), len(choices) - 1)]
            case Simplex(parts=parts):
                return dict(zip(parts, self._weights(parameter, numbers), strict=True))
            case never:
                assert_never(never)

    def _weights(self, simplex: Simplex, numbers: Sequence[float]) -> list[float]:
        weights = [float(each) for each in numbers]
        if self.weights is Weights.LOGARITHMS:
            weights = [-math.log(min(max(each, SMALLEST), 1.0)) for each in weights]
        if self.weights is Weights.REST:
            weights.append(1.0 - math.fsum(weights))
        else:
            total = math.fsum(weights)
            if total <= 0:
                weights, total = [1.0] * len(weights), float(len(weights))
            weights = [each / total for each in weights]
        return nearest_weights(simplex, weights)

    def _numbers(self, parameter: Parameter, value: Value) -> list[float]:
        if not isinstance(parameter, Simplex):
            return [_number(parameter, value)]
        given = value if isinstance(value, Mapping) else {}
        weights = [min(max(float(given[part]), 0.0), 1.0) for part in parameter.parts]
        match self.weights:
            case Weights.LOGARITHMS:
                # Uniform numbers have negative logarithms of mean one: so have these.
                return [max(math.exp(-each * len(weights)), SMALLEST) for each in weights]
            case Weights.REST:
                return weights[:-1]
            case Weights.ALL:
                return weights


def _axes(
    parameter: Parameter, weights: Weights, first: int, when: tuple[str, tuple[int, ...]] | None
) -> list[Axis]:
    name = f"x{first}"
    match parameter:
        case Continuous(low=low, high=high, log=log):
            return [Axis(name, Kind.REAL, low, high, log=log, when=when)]
        case Integer(low=low, high=high, step=1, log=log):
            return [Axis(name, Kind.WHOLE, low, high, log=log, when=when)]
        case Integer(low=low, high=high, step=step):
            return [Axis(name, Kind.WHOLE, 0, (high - low) // step, when=when)]
        case Categorical(choices=choices, ordered=ordered):
            kind = Kind.WHOLE if ordered else Kind.PICK
            return [Axis(name, kind, 0, len(choices) - 1, when=when)]
        case Simplex(bounds=bounds):
            if weights is Weights.LOGARITHMS:
                ends = [(SMALLEST, 1.0)] * len(bounds)
            else:
                ends = list(bounds[:-1] if weights is Weights.REST else bounds)
            return [
                Axis(f"x{first + place}", Kind.REAL, *both, when=when)
                for place, both in enumerate(ends)
            ]
        case never:
            assert_never(never)


def _number(parameter: Parameter, value: object) -> float:
    """Return where a value of a parameter with one axis lies."""
    match parameter, value:
        case Integer(low=low, step=step), int() if step > 1:
            return (value - low) // step
        case Categorical(choices=choices), _:
            return choices.index(value)
        case Integer(), int():
            return value
        case _, int() | float():
            return float(value)
        case _:
            raise TypeError(f"parameter {parameter.name!r} cannot be {value!r}")


def _over_axes(
    terms: Sequence[tuple[str, float]],
    at_least: float | None,
    at_most: float | None,
    parameters: Mapping[str, Parameter],
    axes_of: Mapping[str, Sequence[Axis]],
) -> Sum:
    """Return a linear constraint on parameters as one on their axes."""
    coefficients: dict[str, float] = {}
    shift = 0.0
    for name, coefficient in terms:
        parameter = parameters[name]
        step = parameter.step if isinstance(parameter, Integer) else 1
        if isinstance(parameter, Integer) and step > 1:
            shift += coefficient * parameter.low
        coefficients[axes_of[name][0].name] = coefficient * step
    return Sum(
        coefficients,
        at_least=None if at_least is None else at_least - shift,
        at_most=None if at_most is None else at_most - shift,
    )
