"""A search space of Optuna as parameters of ours, with the conditions that its trials show.

Optuna has no conditions: a program asks for what it needs. So a parameter that some trials lack is
taken to depend on another one whose values tell where it was asked for. Where none does, it has no
place here, and is sampled independently.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from moopt.encoding.columns import bin_count
from moopt.study.conditions import Choice, When
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.validation import is_active, parents_first

RECENT = 10
"""Trials whose bounds count where a program asks for a parameter with changing ones."""

FEW_VALUES = 64
"""A whole number with more values decides nothing."""

Plain = Continuous | Integer | Categorical
"""What a distribution of Optuna can be."""


@dataclass(frozen=True, slots=True)
class OptunaSpace:
    """Parameters that are searched together. Optuna's names may be any text, ours are `x0`, ..."""

    distributions: Mapping[str, BaseDistribution]
    """By Optuna's name."""

    parameters: Mapping[str, Plain]
    """By Optuna's name: those of the distributions that vary and whose condition is known."""

    @classmethod
    def of(
        cls,
        distributions: Mapping[str, BaseDistribution],
        completed: Sequence[Mapping[str, Any]],
    ) -> "OptunaSpace":
        """Find out when each parameter is asked for.

        Args:
            distributions: By name.
            completed: What each completed trial asked for, by name.
        """
        varying = sorted(name for name, each in distributions.items() if not each.single())
        plain = {
            name: _parameter(f"x{position}", distributions[name])
            for position, name in enumerate(varying)
        }
        points = [
            {
                plain[name].name: _encoded(distributions[name], value)
                for name, value in params.items()
                if name in plain
            }
            for params in completed
        ]
        conditions = _conditions(list(plain.values()), points)
        return cls(
            distributions,
            {
                name: replace(each, when=conditions[each.name])
                for name, each in plain.items()
                if each.name in conditions
            },
        )

    def encode(self, params: Mapping[str, Any]) -> dict[str, Choice] | None:
        """Return a trial's parameters as ours; None where one is missing or out of bounds."""
        optuna_names = {each.name: name for name, each in self.parameters.items()}
        found: dict[str, Choice] = {}
        for parameter in parents_first(list(self.parameters.values())):
            if is_active(parameter, found):
                name = optuna_names[parameter.name]
                value = _encoded(self.distributions[name], params[name]) if name in params else None
                if value is None:
                    return None
                found[parameter.name] = value
        return found

    def decode(self, parameters: Parameters) -> dict[str, Any]:
        """Return values for Optuna, by its names; inactive parameters are absent."""
        return {
            name: _decoded(self.distributions[name], parameters[each.name])
            for name, each in self.parameters.items()
            if each.name in parameters
        }


def latest_distributions(
    asked: Iterable[Mapping[str, BaseDistribution]],
) -> dict[str, BaseDistribution]:
    """Return what each parameter could be, with bounds that hold those of its latest trials.

    Args:
        asked: The distributions of each trial by name, the latest trial first.
    """
    latest: dict[str, list[BaseDistribution]] = {}
    for distributions in asked:
        for name, each in distributions.items():
            known = latest.setdefault(name, [])
            if len(known) < RECENT:
                known.append(each)
    merged = {name: _merged(known) for name, known in latest.items()}
    return {name: each for name, each in merged.items() if each is not None}


def _merged(distributions: Sequence[BaseDistribution]) -> BaseDistribution | None:
    """Return a distribution that covers several of one kind; None where the kinds differ."""
    merged = distributions[0]
    for other in distributions[1:]:
        if other == merged:
            continue
        match merged, other:
            case FloatDistribution(), FloatDistribution() if merged.log == other.log:
                low, high = min(merged.low, other.low), max(merged.high, other.high)
                merged = FloatDistribution(low, high, log=merged.log)
            case IntDistribution(), IntDistribution() if merged.log == other.log:
                low, high = min(merged.low, other.low), max(merged.high, other.high)
                step = math.gcd(merged.step, other.step, merged.low - other.low)
                merged = IntDistribution(int(low), int(high), log=merged.log, step=step)
            case _:
                return None
    return merged


def _parameter(name: str, distribution: BaseDistribution) -> Plain:
    match distribution:
        case FloatDistribution(low=low, high=high, log=log, step=None):
            return Continuous(name, low, high, log=log)
        case FloatDistribution(low=low, high=high, step=float(step)):
            return Integer(name, 0, round((high - low) / step))
        case IntDistribution(low=low, high=high, log=log, step=step):
            return Integer(name, low, high, log=log, step=step)
        case CategoricalDistribution(choices=choices):
            # Optuna takes any objects as choices: here they are their places.
            return Categorical(name, range(len(choices)), ordered=_is_scale(choices))
    raise TypeError(f"Optuna's {type(distribution).__name__} is not known")


def _is_scale(choices: Sequence[object]) -> bool:
    """Say whether choices are numbers in order, such as batch sizes."""
    numbers = [
        each for each in choices if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    ordered = numbers in (sorted(numbers), sorted(numbers, reverse=True))
    return len(numbers) == len(choices) > 2 and ordered and len(set(numbers)) == len(numbers)


def _encoded(distribution: BaseDistribution, value: object) -> Choice | None:
    """Return a value of Optuna as ours; None where it is not among those of the distribution."""
    try:
        internal = distribution.to_internal_repr(value)
    except ValueError:
        return None
    match distribution:
        case FloatDistribution(low=low, high=high, step=step):
            if not low <= internal <= high:
                return None
            return internal if step is None else round((internal - low) / step)
        case IntDistribution(low=low, high=high, step=step):
            return int(internal) if internal in range(low, high + 1, step) else None
        case _:
            return int(internal)


def _decoded(distribution: BaseDistribution, value: Choice) -> object:
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return min(distribution.low + float(value) * distribution.step, distribution.high)
    return distribution.to_external_repr(float(value))


def _conditions(
    parameters: Sequence[Plain], points: Sequence[Mapping[str, Choice | None]]
) -> dict[str, When | None]:
    """Return the condition of each parameter, None for one that is always asked for.

    Parameters that are sometimes asked for, and no other one tells when, are left out. Of several
    that do, the one of which fewest values were seen is the most likely reason.
    """
    where = {
        each.name: {row for row, point in enumerate(points) if each.name in point}
        for each in parameters
    }
    found: dict[str, When | None] = {}
    for child in sorted(parameters, key=lambda each: len(where[each.name]), reverse=True):
        rows = where[child.name]
        if len(rows) == len(points):
            found[child.name] = None
            continue
        reasons: list[tuple[int, When]] = []
        for parent in parameters:
            if parent.name in found and where[parent.name] > rows:
                there = {points[row][parent.name] for row in rows}
                elsewhere = {points[row][parent.name] for row in where[parent.name] - rows}
                when = _condition(parent, there - {None}, elsewhere - {None})
                if when is not None:
                    reasons.append((len(there | elsewhere), when))
        if reasons:
            found[child.name] = min(reasons, key=lambda each: each[0])[1]
    return found


def _condition(parent: Plain, there: set[Any], elsewhere: set[Any]) -> When | None:
    """Return the condition that holds at some values and not at others; None where there is none.

    Args:
        parent: Whose values.
        there: Where it holds.
        elsewhere: Where it does not.
    """
    if not there or not elsewhere or there & elsewhere:
        return None
    if isinstance(parent, Categorical):
        return When(parent.name, sorted(there))
    if isinstance(parent, Continuous) or bin_count(parent) > FEW_VALUES:
        return None
    if max(elsewhere) < min(there):
        return When(parent.name, range(min(there), parent.high + 1, parent.step))
    if max(there) < min(elsewhere):
        return When(parent.name, range(parent.low, max(there) + 1, parent.step))
    return None
