"""Our parameters in Optuna's terms: what it is told of a trial, and what it is asked.

Numbers and choices are Optuna's own, ordered choices are their places in the order. A simplex is
its columns of the search box: a stick for each part but the last, and how much each part is wanted
where their number is limited.
"""

from collections.abc import Sequence
from typing import assert_never

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from moopt.encoding.columns import encode_value
from moopt.study.conditions import Choice
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Value
from moopt.study.simplex import Simplex

Told = dict[str, tuple[Choice, BaseDistribution]]
"""Values by the names that Optuna knows them by, and what else they could have been."""


def told(parameter: Parameter, value: Value, columns: Sequence[float]) -> Told:
    """Return what Optuna is told of a value, given its columns of the box."""
    name = parameter.name
    match parameter, value:
        case Continuous(low=low, high=high, log=log), int() | float():
            return {name: (value, FloatDistribution(low, high, log=log))}
        case Integer(low=low, high=high, log=log, step=step), int():
            return {name: (value, IntDistribution(low, high, log=log, step=step))}
        case Categorical(choices=choices, ordered=True), _:
            return {name: (choices.index(value), IntDistribution(0, len(choices) - 1))}
        case Categorical(choices=choices), str() | int() | float():
            return {name: (value, CategoricalDistribution(choices))}
        case Simplex(), _:
            unit = FloatDistribution(0.0, 1.0)
            names = _column_names(parameter)
            return {name: (each, unit) for name, each in zip(names, columns, strict=True)}
        case _:
            raise TypeError(f"parameter {name!r} cannot be {value!r}")


def suggested(trial: optuna.Trial, parameter: Parameter) -> tuple[Choice | None, list[float]]:
    """Ask for a value; return it with its columns of the box. None: it is a simplex."""
    name = parameter.name
    value: Choice
    match parameter:
        case Continuous(low=low, high=high, log=log):
            value = trial.suggest_float(name, low, high, log=log)
        case Integer(low=low, high=high, log=log, step=step):
            value = trial.suggest_int(name, low, high, log=log, step=step)
        case Categorical(choices=choices, ordered=True):
            value = choices[trial.suggest_int(name, 0, len(choices) - 1)]
        case Categorical(choices=choices):
            value = choices[choices.index(trial.suggest_categorical(name, choices))]
        case Simplex():
            return None, [trial.suggest_float(each, 0, 1) for each in _column_names(parameter)]
        case never:
            assert_never(never)
    return value, encode_value(parameter, value)


def _column_names(simplex: Simplex) -> list[str]:
    """Return a name for each column of the box; no parameter has a name with a slash."""
    names = [f"{simplex.name}/{part}" for part in simplex.parts[:-1]]
    if simplex.usable < len(simplex.parts):
        names += [f"{simplex.name}/{part}/wanted" for part in simplex.parts]
    return names
