"""A search space that somebody made in Ax, as a study's."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from ax.core.parameter import (
    ChoiceParameter,
    FixedParameter,
    ParameterType,
    RangeParameter,
)
from ax.core.parameter import Parameter as AxParameter
from ax.core.parameter_constraint import ParameterConstraint
from ax.core.search_space import SearchSpace
from ax.core.types import TParamValue

from moopt.errors import StudyError
from moopt.export.ax_slots import AxSlot
from moopt.export.ax_space import AxSpace
from moopt.study.conditions import When
from moopt.study.objectives import Fidelity, LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex


def foreign_space(space: SearchSpace) -> AxSpace:
    """Return which parameters of a study stand for those of Ax.

    Raises:
        StudyError: A parameter has no counterpart.
    """
    for parameter in space.parameters.values():
        _check(parameter)
    names = study_names(space.parameters)
    absent = _never_there(space)
    whens = _conditions(space, names)
    slots: list[AxSlot] = []
    constants: dict[str, TParamValue] = {}
    fidelity = None
    in_simplexes = {name: each for each in _simplexes(space, names) for name in each[1]}
    made: set[str] = set()
    for name, parameter in space.parameters.items():
        if name in absent:
            continue
        if isinstance(parameter, FixedParameter):
            constants[name] = parameter.value
        elif parameter.is_fidelity:
            fidelity = name
        elif name in in_simplexes:
            simplex, members = in_simplexes[name]
            if simplex.name not in made:
                made.add(simplex.name)
                slots += [
                    AxSlot(each, simplex, part)
                    for part, each in zip(simplex.parts, members, strict=True)
                ]
        else:
            slots.append(AxSlot(name, _parameter(parameter, names[name], whens.get(name))))
    return AxSpace(space, tuple(slots), fidelity, constants)


def foreign_fidelity(space: AxSpace) -> Fidelity | None:
    """Return the fidelity of a space of Ax, or None where it has none.

    Raises:
        StudyError: What counts is not its upper end.
    """
    if space.fidelity is None:
        return None
    parameter = space.search_space.parameters[space.fidelity]
    if not isinstance(parameter, RangeParameter) or parameter.target_value != parameter.upper:
        raise StudyError(
            f"Ax's fidelity {space.fidelity!r} needs a range whose upper end is its target, it is "
            f"{parameter}"
        )
    (name,) = study_names([space.fidelity]).values()
    return Fidelity(name, low=float(parameter.lower), high=float(parameter.upper))


def foreign_sums(space: AxSpace) -> list[LinearConstraint]:
    """Return the linear constraints, without those that a simplex keeps by itself.

    Raises:
        StudyError: One has no counterpart.
    """
    names = {slot.name: slot.parameter.name for slot in space.slots if slot.part is None}
    weights = {slot.name for slot in space.slots if slot.part is not None}
    found: list[LinearConstraint] = []
    for constraint in space.search_space.parameter_constraints:
        terms = {name: each for name, each in constraint.constraint_dict.items() if each}
        if constraint.is_equality and set(terms) <= weights:
            continue
        if constraint.is_equality or not set(terms) <= set(names):
            raise StudyError(
                f"Ax's {constraint} has no counterpart; moopt takes weights that sum to one, and "
                "limits on sums of ranges"
            )
        coefficients = {names[name]: each for name, each in terms.items()}
        found.append(LinearConstraint(coefficients, at_most=constraint.bound))
    return found


def study_names(names: Iterable[str]) -> dict[str, str]:
    """Return by name in Ax one that a study takes."""
    found: dict[str, str] = {}
    for name in names:
        wanted = re.sub(r"[^\w.\-]+", "_", name)
        wanted = wanted if re.match(r"[A-Za-z_]", wanted) else f"_{wanted}"
        while wanted in found.values():
            wanted += "_"
        found[name] = wanted
    return found


def _check(parameter: AxParameter) -> None:
    told = f"Ax's parameter {parameter.name!r}"
    match parameter:
        case RangeParameter(logit_scale=True):
            raise StudyError(f"{told} is on a logit scale, which moopt does not have")
        case ChoiceParameter(is_task=True) | ChoiceParameter(is_fidelity=True):
            raise StudyError(
                f"{told} is a task or a fidelity of choices, which moopt does not have"
            )
        case RangeParameter() | ChoiceParameter() | FixedParameter():
            return
    raise StudyError(f"{told} is a {type(parameter).__name__}, which moopt does not have")


def _parameter(parameter: AxParameter, name: str, when: When | None) -> Parameter:
    match parameter:
        case RangeParameter(parameter_type=ParameterType.INT):
            low, high = int(parameter.lower), int(parameter.upper)
            return Integer(name, low, high, log=parameter.log_scale, when=when)
        case RangeParameter():
            low_, high_ = float(parameter.lower), float(parameter.upper)
            return Continuous(name, low_, high_, log=parameter.log_scale, when=when)
        case ChoiceParameter():
            choices = [value for value in parameter.values if value is not None]
            return Categorical(name, choices, ordered=parameter.is_ordered, when=when)
    raise StudyError(f"Ax's parameter {parameter.name!r} is a {type(parameter).__name__}")


def _conditions(space: SearchSpace, names: Mapping[str, str]) -> dict[str, When]:
    """Return by name in Ax when a parameter is there; what depends on a constant always is."""
    values: dict[str, tuple[str, list[str | int | float | bool]]] = {}
    for name, parameter in space.parameters.items():
        if isinstance(parameter, ChoiceParameter) and parameter.is_hierarchical:
            for value, children in parameter.dependents.items():
                for child in children:
                    if value is not None:
                        values.setdefault(child, (names[name], []))[1].append(value)
    return {child: When(parent, allowed) for child, (parent, allowed) in values.items()}


def _never_there(space: SearchSpace) -> set[str]:
    """Return what depends on another value of a constant than it has, or on what does."""
    waiting: list[str] = []
    for parameter in space.parameters.values():
        if isinstance(parameter, FixedParameter) and parameter.is_hierarchical:
            for value, children in parameter.dependents.items():
                waiting += children if value != parameter.value else []
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        parameter = space.parameters[name]
        if parameter.is_hierarchical:
            waiting += [each for below in parameter.dependents.values() for each in below]
    return found


def _simplexes(space: SearchSpace, names: Mapping[str, str]) -> list[tuple[Simplex, Sequence[str]]]:
    """Return each simplex and its parameters in Ax: ranges between 0 and 1 that sum to one."""
    found: list[tuple[Simplex, Sequence[str]]] = []
    taken = set(names.values())
    for constraint in space.parameter_constraints:
        members = [name for name, factor in constraint.constraint_dict.items() if factor]
        if not _is_simplex(space, constraint, members):
            continue
        name = "weights"
        while name in taken:
            name += "_"
        taken.add(name)
        ranges = [space.parameters[each] for each in members]
        bounds = [(each.lower, each.upper) for each in ranges if isinstance(each, RangeParameter)]
        parts = [names[each] for each in members]
        simplex = Simplex(
            name,
            parts,
            low={part: float(low) for part, (low, _) in zip(parts, bounds, strict=True)},
            high={
                part: min(float(high), 1.0) for part, (_, high) in zip(parts, bounds, strict=True)
            },
        )
        found.append((simplex, members))
    return found


def _is_simplex(
    space: SearchSpace, constraint: ParameterConstraint, members: Sequence[str]
) -> bool:
    factors = {constraint.constraint_dict[name] for name in members}
    if not constraint.is_equality or len(members) < 2 or len(factors) != 1:
        return False
    if not math.isclose(constraint.bound, factors.pop(), rel_tol=1e-12):
        return False
    others = [each for each in space.parameter_constraints if each is not constraint]
    used = {name for each in others for name in each.constraint_dict}
    return not used & set(members) and all(
        isinstance(space.parameters[name], RangeParameter)
        and space.parameters[name].parameter_type is ParameterType.FLOAT
        and name in space.top_level_parameters
        and space.range_parameters[name].lower >= 0
        and not space.range_parameters[name].log_scale
        for name in members
    )
