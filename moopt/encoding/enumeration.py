"""All parameters of a small discrete space."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from moopt.encoding.linear_constraints import LinearRepair
from moopt.encoding.weights import nearest_weights
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Value
from moopt.study.simplex import TOLERANCE, Simplex
from moopt.study.study import Study
from moopt.study.validation import is_active, parents_first

UNFINISHED = 16
"""How many times more beginnings than whole points are followed where constraints end some."""


def all_parameters(study: Study, limit: int) -> list[dict[str, Value]] | None:
    """Return every valid choice of parameters, or None where there are more than `limit`."""
    values = {each.name: _values(each) for each in study.parameters}
    if any(few is None for few in values.values()):
        return None
    most = limit * UNFINISHED if study.linear_constraints else limit
    begun: list[dict[str, Value]] = [{}]
    known: dict[str, Parameter] = {}
    for parameter in parents_first(study.parameters):
        known[parameter.name] = parameter
        left = {each.name: each for each in study.parameters if each.name not in known}
        bearing = [each for each in study.linear_constraints if parameter.name in each.coefficients]
        longer: list[dict[str, Value]] = []
        for chosen in begun:
            few = values[parameter.name] if is_active(parameter, chosen) else None
            further = [chosen | {parameter.name: value} for value in few or ()] or [chosen]
            longer += [each for each in further if all(_may_hold(c, each, left) for c in bearing)]
            if len(longer) > most:
                return None
        begun = longer
    repair = LinearRepair.of(study)
    names = [parameter.name for parameter in study.parameters]
    found = [
        {name: values[name] for name in names if name in values}
        for values in begun
        if repair.holds(values)
    ]
    return found if len(found) <= limit else None


def _values(parameter: Parameter) -> Sequence[Value] | None:
    """Return the values of a parameter, or None where they are a continuum."""
    match parameter:
        case Continuous():
            return None
        case Integer(low=low, high=high, step=step):
            return range(low, high + 1, step)
        case Categorical(choices=choices):
            return choices
        case Simplex(parts=parts) if parameter.usable == 1:
            alone = [[float(each == part) for each in parts] for part in parts]
            weights = [each for each in alone if nearest_weights(parameter, each) == each]
            return [dict(zip(parts, each, strict=True)) for each in weights]
        case Simplex():
            return None
        case never:
            assert_never(never)


def _may_hold(
    constraint: LinearConstraint, chosen: Mapping[str, Value], left: Mapping[str, Parameter]
) -> bool:
    """Say whether some values of the parameters that are left can make a constraint hold."""
    least = most = 0.0
    for name, coefficient in constraint.coefficients.items():
        match left.get(name), chosen.get(name):
            case Integer(low=low, high=high), _:
                ends = (coefficient * low, coefficient * high)
            case _, int() | float() as value:
                ends = (coefficient * value, coefficient * value)
            case _:
                continue
        least, most = least + min(ends), most + max(ends)
    slack = TOLERANCE * sum(abs(each) for each in constraint.coefficients.values())
    above = constraint.at_least is None or most >= constraint.at_least - slack
    return above and (constraint.at_most is None or least <= constraint.at_most + slack)
