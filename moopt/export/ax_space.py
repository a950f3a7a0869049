"""A study's space as a search space of Ax, and its points as Ax's parameterizations."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

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
from moopt.export.ax_names import safe_name
from moopt.export.ax_slots import NARROWEST, AxSlot, ax_choices, ax_slots
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.simplex import TOLERANCE, Simplex
from moopt.study.study import Study

MOST_CHOICES = 1000
"""How many choices Ax stores."""

INEXACT = 1e-6
"""How far weights of Ax may pass their bounds."""


@dataclass(frozen=True, slots=True)
class AxSpace:
    """A space of Ax, and which parameter of it holds what."""

    search_space: SearchSpace
    slots: tuple[AxSlot, ...]
    fidelity: str | None = None
    """Name of the fidelity in Ax. None: there is none."""

    constants: Mapping[str, TParamValue] | None = None
    """What is the same in every trial of Ax, and unknown to the study."""

    def to_ax(self, values: Parameters, fidelity: float | None) -> dict[str, TParamValue]:
        """Return a point of the study as Ax's parameters."""
        found = {slot.name: slot.to_ax(values) for slot in self.slots if slot.is_active(values)}
        if self.fidelity is not None and fidelity is not None:
            found[self.fidelity] = fidelity
        return {**found, **(self.constants or {})}

    def from_ax(self, values: Mapping[str, TParamValue]) -> dict[str, object]:
        """Return a point of the study that Ax's parameters stand for, unchecked.

        Raises:
            StudyError: A value is none of its parameter's.
        """
        found: dict[str, object] = {}
        weights: dict[str, dict[str, float]] = {}
        simplexes: dict[str, Simplex] = {}
        for slot in self.slots:
            if slot.name not in values:
                continue
            value = slot.from_ax(values[slot.name])
            if slot.part is not None and isinstance(slot.parameter, Simplex):
                simplexes[slot.parameter.name] = slot.parameter
                weights.setdefault(slot.parameter.name, {})[slot.part] = float(value)
            else:
                found[slot.parameter.name] = value
        return found | {
            name: _summing_to_one(each, simplexes[name]) for name, each in weights.items()
        }


def ax_space(study: Study) -> AxSpace:
    """Return a study's space as Ax can say it.

    Left out is what it cannot: how many weights of a simplex may be above zero, and that the
    weights of a conditional simplex sum to one.

    Raises:
        StudyError: A parameter has more choices than Ax stores.
    """
    fidelity = None if study.fidelity is None else safe_name(study.fidelity.name)
    slots = ax_slots(study, [] if fidelity is None else [fidelity])
    summed = {name for each in study.linear_constraints for name in each.coefficients}
    parameters = [_ax_parameter(slot, slots, in_sums=summed) for slot in slots]
    if fidelity is not None and study.fidelity is not None:
        parameters.append(
            RangeParameter(
                fidelity,
                ParameterType.FLOAT,
                study.fidelity.low,
                study.fidelity.high,
                is_fidelity=True,
                target_value=study.fidelity.high,
            )
        )
    space = SearchSpace(parameters, _constraints(study, slots, parameters))
    return AxSpace(space, tuple(slots), fidelity)


def _ax_parameter(slot: AxSlot, slots: Sequence[AxSlot], *, in_sums: set[str]) -> AxParameter:
    name = slot.name
    dependents = _dependents(slot, slots)
    match slot.parameter:
        case Continuous(low=low, high=high, log=log):
            ends = (low * slot.scale, high * slot.scale)
            return RangeParameter(name, ParameterType.FLOAT, *ends, log_scale=log)
        case Integer(low=low, high=high, log=log, step=step):
            values = range(low, high + 1, step)
            is_stepped = (
                step > 1 and len(values) <= MOST_CHOICES and slot.parameter.name not in in_sums
            )
            if dependents or (is_stepped and len(values) > 1):
                return _choice(slot, ParameterType.INT, list(values), dependents, is_ordered=True)
            return RangeParameter(name, ParameterType.INT, low, high, log_scale=log)
        case Categorical(choices=choices, ordered=ordered):
            kind, named = ax_choices(choices)
            return _choice(slot, kind, named, dependents, is_ordered=ordered)
        case Simplex(parts=parts, bounds=bounds):
            low, high = bounds[parts.index(slot.part or "")]
            if low == high:
                return FixedParameter(name, ParameterType.FLOAT, low)
            return RangeParameter(name, ParameterType.FLOAT, low, max(high, low + NARROWEST / 10))
        case never:
            assert_never(never)


def _choice(
    slot: AxSlot,
    kind: ParameterType,
    values: list[TParamValue],
    dependents: dict[TParamValue, list[str]],
    *,
    is_ordered: bool,
) -> ChoiceParameter:
    if len(values) > MOST_CHOICES:
        raise StudyError(
            f"parameter {slot.parameter.name!r} has {len(values)} values to choose from, Ax takes "
            f"{MOST_CHOICES} at most; it cannot be exported as it is"
        )
    return ChoiceParameter(
        slot.name,
        kind,
        values,
        is_ordered=is_ordered,
        sort_values=kind in {ParameterType.INT, ParameterType.FLOAT},
        dependents=dependents or None,
    )


def _dependents(slot: AxSlot, slots: Sequence[AxSlot]) -> dict[TParamValue, list[str]]:
    found: dict[TParamValue, list[str]] = {}
    parent = slot.parameter.name
    for each in slots:
        if each.conditions and each.conditions[:-1] == slot.conditions:
            name, value = each.conditions[-1]
            if name == parent:
                found.setdefault(slot.to_ax({parent: value}), []).append(each.name)
    return found


def _constraints(
    study: Study, slots: Sequence[AxSlot], parameters: Sequence[AxParameter]
) -> list[ParameterConstraint]:
    """Return the sums that Ax can say: those of ranges that are always there."""
    ranges = {each.name for each in parameters if isinstance(each, RangeParameter)}
    fixed = {each.name: each.value for each in parameters if isinstance(each, FixedParameter)}
    found: list[ParameterConstraint] = []
    for parameter in study.parameters:
        own = [slot.name for slot in slots if slot.parameter == parameter]
        free = [name for name in own if name in ranges]
        if isinstance(parameter, Simplex) and parameter.when is None and len(free) > 1:
            rest = 1.0 - math.fsum(float(fixed[name] or 0) for name in own if name in fixed)
            found.append(
                ParameterConstraint(equality=f"{_sum(dict.fromkeys(free, 1.0))} == {rest}")
            )
    by_parameter = {slot.parameter.name: slot for slot in slots}
    for constraint in study.linear_constraints:
        used = {name: each for name, each in constraint.coefficients.items() if each}
        terms = {
            by_parameter[name].name: each / by_parameter[name].scale for name, each in used.items()
        }
        if not set(terms) <= ranges:
            continue
        low, high = constraint.at_least, constraint.at_most
        if low is not None and low == high:
            found.append(ParameterConstraint(equality=f"{_sum(terms)} == {low}"))
            continue
        if high is not None:
            found.append(ParameterConstraint(f"{_sum(terms)} <= {high}"))
        if low is not None:
            turned = {name: -each for name, each in terms.items()}
            found.append(ParameterConstraint(f"{_sum(turned)} <= {-low}"))
    return found


def _sum(terms: Mapping[str, float]) -> str:
    return " + ".join(f"{factor} * {name}" for name, factor in terms.items())


def _summing_to_one(weights: Mapping[str, float], simplex: Simplex) -> dict[str, float]:
    """Return weights whose sum Ax was content with as ones that sum to one.

    Those that do already stay as they are, to the last bit. What passes a bound thereby, as far as
    Ax is inexact, goes to the weight that has most room.
    """
    total = math.fsum(weights.values())
    if not total:
        return dict(weights)
    whole = total if abs(total - 1) > TOLERANCE else 1.0
    bounds = dict(zip(simplex.parts, simplex.bounds, strict=True))
    scaled: dict[str, float] = {}
    for part, weight in weights.items():
        low, high = bounds[part]
        share = weight / whole
        within = min(max(share, low), high)
        scaled[part] = within if abs(within - share) <= INEXACT else share
    over = math.fsum(scaled.values()) - 1
    room = {
        part: scaled[part] - bounds[part][0] if over > 0 else bounds[part][1] - scaled[part]
        for part in scaled
        # What is zero is not used, and stays so.
        if scaled[part]
    }
    if abs(over) > TOLERANCE and room:
        scaled[max(room, key=lambda part: room[part])] -= over
    return scaled
