"""Which parameters of Ax a study's parameters become.

Ax knows conditions on one value, numbers and choices of one type. So a parameter that depends on
one of several values becomes one parameter for each of them, a simplex one for each part, and
choices of mixed types become text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from ax.core.parameter import ParameterType
from ax.core.types import TParamValue

from moopt.errors import StudyError
from moopt.export.ax_names import safe_name
from moopt.study.conditions import Choice
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.validation import parents_first

NARROWEST = 1e-3
"""Ax refuses ranges below 1.5e-5: narrower ones than this are exported in a smaller unit."""

Conditions = tuple[tuple[str, Choice], ...]
"""Values that parameters of the study have to have, by name."""


@dataclass(frozen=True, slots=True)
class AxSlot:
    """One parameter of Ax: what it holds of a study's."""

    name: str
    """In Ax."""

    parameter: Parameter
    """Of the study."""

    part: str | None = None
    """Of a simplex. None: it is none."""

    conditions: Conditions = ()
    """When it is there."""

    scale: float = 1.0
    """How much larger a number is in Ax."""

    def is_active(self, values: Parameters) -> bool:
        """Say whether a point of the study has it."""
        return all(name in values and values[name] == value for name, value in self.conditions)

    def to_ax(self, values: Parameters) -> TParamValue:
        """Return what it is set to in Ax at a point of the study where it is active."""
        value = values[self.parameter.name]
        match self.parameter:
            case Continuous():
                return float(value) * self.scale
            case Integer():
                return int(value)
            case Categorical(choices=choices):
                return ax_choices(choices)[1][choices.index(value)]
            case Simplex(parts=parts, bounds=bounds):
                low, high = bounds[parts.index(self.part or "")]
                # A weight may be a rounding error outside its bounds.
                return min(max(float(value[self.part]), low), high)
            case never:
                assert_never(never)

    def from_ax(self, value: TParamValue) -> Choice:
        """Return what its value in Ax means in the study.

        Raises:
            StudyError: It is no value of the parameter.
        """
        match self.parameter:
            case Categorical(choices=choices):
                known = ax_choices(choices)[1]
                if value not in known:
                    raise StudyError(
                        f"Ax has {self.name}={value!r}, known are {known}; the experiment was "
                        "changed"
                    )
                return choices[known.index(value)]
            case Continuous() | Integer() | Simplex():
                if isinstance(value, str) or value is None:
                    raise StudyError(f"Ax has {self.name}={value!r}, needed is a number")
                if isinstance(self.parameter, Integer):
                    return _nearest(self.parameter, value)
                return value / self.scale
            case never:
                assert_never(never)


def ax_slots(study: Study, taken: Sequence[str] = ()) -> list[AxSlot]:
    """Return the parameters of Ax in the order of the study's.

    Args:
        study: Whose space it is.
        taken: Names that they may not have.
    """
    slots: list[AxSlot] = []
    placed: dict[str, list[Conditions]] = {}
    for parameter in parents_first(study.parameters):
        placed[parameter.name] = _instances(parameter, placed)
        for conditions in placed[parameter.name]:
            used = [*taken, *(slot.name for slot in slots)]
            ending = _ending(parameter, conditions, len(placed[parameter.name]))
            slots += _slots(parameter, conditions, ending, used)
    order = [each.name for each in study.parameters]
    return sorted(slots, key=lambda slot: order.index(slot.parameter.name))


def ax_choices(choices: Sequence[Choice]) -> tuple[ParameterType, list[TParamValue]]:
    """Return choices as values of the one type that Ax wants, in the same order."""
    kinds = {type(choice) for choice in choices}
    if kinds == {bool}:
        return ParameterType.BOOL, list(choices)
    if kinds == {int}:
        return ParameterType.INT, list(choices)
    if kinds <= {int, float}:
        return ParameterType.FLOAT, [float(choice) for choice in choices]
    texts = [str(choice) for choice in choices]
    if len(set(texts)) < len(texts):
        texts = [repr(choice) for choice in choices]
    return ParameterType.STRING, list(texts)


def _nearest(parameter: Integer, value: float) -> int:
    """Return the value that is nearest to one within the bounds: Ax's ranges have no steps."""
    if not parameter.low <= value <= parameter.high:
        return int(value)
    return parameter.low + parameter.step * round((value - parameter.low) / parameter.step)


def _instances(
    parameter: Parameter, placed: Mapping[str, Sequence[Conditions]]
) -> list[Conditions]:
    if parameter.when is None:
        return [()]
    name = parameter.when.name
    return [(*above, (name, value)) for above in placed[name] for value in parameter.when.allowed]


def _ending(parameter: Parameter, conditions: Conditions, count: int) -> str:
    """Return what tells one of several parameters of Ax for the same of the study."""
    if count == 1 or parameter.when is None:
        return ""
    return "".join(f"_{value}" for _, value in conditions)


def _slots(
    parameter: Parameter, conditions: Conditions, ending: str, taken: Sequence[str]
) -> list[AxSlot]:
    match parameter:
        case Simplex(parts=parts):
            found: list[AxSlot] = []
            for part in parts:
                wanted = f"{parameter.name}.{part}{ending}"
                name = safe_name(wanted, [*taken, *(slot.name for slot in found)])
                found.append(AxSlot(name, parameter, part, conditions))
            return found
        case Continuous(low=low, high=high) if high - low < NARROWEST:
            # A power of two, by which numbers are scaled and scaled back to the last bit.
            times = 2 ** math.ceil(-math.log2(high - low))
            name = safe_name(f"{parameter.name}_x{times}{ending}", taken)
            return [AxSlot(name, parameter, None, conditions, float(times))]
        case Continuous() | Integer() | Categorical():
            name = safe_name(f"{parameter.name}{ending}", taken)
            return [AxSlot(name, parameter, None, conditions)]
        case never:
            assert_never(never)
