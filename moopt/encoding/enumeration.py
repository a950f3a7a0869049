"""All parameters of a small discrete space."""

from collections.abc import Iterator, Sequence

from moopt.encoding.linear_constraints import LinearRepair
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.validation import is_active, parents_first


def all_parameters(study: Study, limit: int) -> list[dict[str, Value]] | None:
    """Return every valid choice of parameters, or None where there are more than `limit`."""
    kinds = {type(parameter) for parameter in study.parameters}
    if kinds & {Continuous, Simplex}:
        return None
    repair = LinearRepair.of(study)
    names = [parameter.name for parameter in study.parameters]
    found: list[dict[str, Value]] = []
    for values in _choices(parents_first(study.parameters), {}):
        if repair.holds(values):
            found.append({name: values[name] for name in names if name in values})
        if len(found) > limit:
            return None
    return found


def _choices(
    parameters: Sequence[Parameter], chosen: dict[str, Value]
) -> Iterator[dict[str, Value]]:
    if not parameters:
        yield chosen
        return
    first, *rest = parameters
    if not is_active(first, chosen):
        yield from _choices(rest, chosen)
        return
    for value in _values(first):
        yield from _choices(rest, chosen | {first.name: value})


def _values(parameter: Parameter) -> Sequence[Value]:
    match parameter:
        case Integer(low=low, high=high, step=step):
            return range(low, high + 1, step)
        case Categorical(choices=choices):
            return choices
        case _:
            return ()
