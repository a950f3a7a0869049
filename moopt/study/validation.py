"""Are these parameters, these measurements, what the study asks for?"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import SupportsFloat, TypeGuard, assert_never

from moopt.errors import EvaluationError, StudyError
from moopt.study.objectives import LinearConstraint, Objective
from moopt.study.parameters import (
    Categorical,
    Continuous,
    Integer,
    Parameter,
    Parameters,
    Value,
)
from moopt.study.simplex import TOLERANCE, Simplex
from moopt.study.trials import Measurement

Raw = SupportsFloat | tuple[SupportsFloat, SupportsFloat] | Measurement | None
"""What an evaluator may return under a name: a value, (mean, standard error), or None for an
outcome that it did not measure."""


def parents_first(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters in an order in which conditions can be decided one by one.

    Raises:
        StudyError: A condition names no parameter, values that its parent cannot have, or depends
            on itself.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    ordered: dict[str, Parameter] = {}

    def place(parameter: Parameter, below: tuple[str, ...]) -> None:
        if parameter.name in below:
            chain = " -> ".join((*below, parameter.name))
            raise StudyError(f"conditions run in a circle: {chain}; break it at one `when`")
        if parameter.name in ordered:
            return
        if parameter.when is not None:
            parent = by_name.get(parameter.when.name)
            if parent is None:
                raise StudyError(
                    f"parameter {parameter.name!r} is conditional on {parameter.when.name!r}, "
                    f"which is none of the parameters {list(by_name)}"
                )
            _check_condition(parameter, parent)
            place(parent, (*below, parameter.name))
        ordered[parameter.name] = parameter

    for parameter in parameters:
        place(parameter, ())
    return tuple(ordered.values())


def is_active(parameter: Parameter, values: Parameters) -> bool:
    """Say whether a parameter counts, given the values of its parents."""
    if parameter.when is None:
        return True
    return parameter.when.name in values and values[parameter.when.name] in parameter.when.allowed


def check_parameters(
    parameters: Sequence[Parameter],
    linear_constraints: Iterable[LinearConstraint],
    values: Parameters,
    owner: str,
) -> dict[str, Value]:
    """Return the values in the order of the parameters, numbers in the parameter's own type.

    Raises:
        StudyError: A value is missing, out of bounds, of an inactive parameter or of none, or a
            linear constraint does not hold.
    """
    if not isinstance(values, Mapping):
        raise StudyError(f"{owner} needs a mapping from parameter name to value, got {values!r}")
    active: dict[str, Value] = {}
    for parameter in parents_first(parameters):
        if is_active(parameter, active):
            if parameter.name not in values:
                raise StudyError(f"{owner} has no value for parameter {parameter.name!r}; add it")
            active[parameter.name] = _check_value(parameter, values[parameter.name], owner)
    for name in values:
        if name in active:
            continue
        if name in {parameter.name for parameter in parameters}:
            raise StudyError(
                f"{owner} gives {name}={values[name]!r}, but the condition of {name!r} does not "
                "hold there; leave it out"
            )
        raise StudyError(f"{owner} names {name!r}, which is no parameter of the study")
    for constraint in linear_constraints:
        total = constraint.value(active)
        scale = sum(abs(value) for value in constraint.coefficients.values())
        above = constraint.at_most is not None and total > constraint.at_most + TOLERANCE * scale
        if above or (
            constraint.at_least is not None and total < constraint.at_least - TOLERANCE * scale
        ):
            raise StudyError(
                f"{owner} breaks the linear constraint {dict(constraint.coefficients)}: the sum is "
                f"{total:g}, asked is at_least={constraint.at_least}, at_most={constraint.at_most}"
            )
    return {each.name: active[each.name] for each in parameters if each.name in active}


def check_measurements(raw: Mapping[str, Raw]) -> dict[str, Measurement]:
    """Return what was measured as measurements; what is None was not measured and is left out.

    Raises:
        NonFiniteError: A value is not finite.
        EvaluationError: A value is neither a number nor (mean, standard error).
    """
    if not isinstance(raw, Mapping):
        raise EvaluationError(
            "an evaluator returns a mapping from objective name to a number or "
            f"(mean, standard error), got {raw!r}"
        )
    return {
        name: _check_measurement(name, value) for name, value in raw.items() if value is not None
    }


def missing_outcomes(outcomes: Sequence[str], raw: Mapping[str, Raw]) -> list[str]:
    """Return the outcomes about which an evaluator said nothing, not even None."""
    return [name for name in outcomes if name not in raw]


def with_formulas(
    objectives: Sequence[Objective], parameters: Parameters, measured: Mapping[str, Measurement]
) -> dict[str, Measurement]:
    """Return the measurements with every closed-form objective computed.

    Raises:
        EvaluationError: A formula gives no finite number.
    """
    complete = dict(measured)
    for objective in objectives:
        if objective.formula is not None:
            value = float(objective.formula(parameters))
            if not math.isfinite(value):
                raise EvaluationError(
                    f"the formula of objective {objective.name!r} gives {value} at "
                    f"{dict(parameters)}; it needs a finite number everywhere in the space"
                )
            complete[objective.name] = Measurement(value, 0.0)
    return complete


def _check_condition(parameter: Parameter, parent: Parameter) -> None:
    if parameter.when is None:
        return
    condition = f"parameter {parameter.name!r} is conditional on {parent.name!r}"
    for value in parameter.when.allowed:
        match parent:
            case Categorical():
                if value not in parent.choices:
                    raise StudyError(
                        f"{condition} being {value!r}, which is none of its choices "
                        f"{list(parent.choices)}"
                    )
            case Integer():
                if value not in range(parent.low, parent.high + 1, parent.step):
                    raise StudyError(
                        f"{condition} being {value!r}, which is not among {parent.low}, "
                        f"{parent.low + parent.step}, ..., {parent.high}"
                    )
            case Continuous() | Simplex():
                raise StudyError(
                    f"{condition}, a {type(parent).__name__}; conditions need a Categorical or an "
                    "Integer parent"
                )
            case never:
                assert_never(never)


def _check_value(parameter: Parameter, value: Value, owner: str) -> Value:
    found = f"{owner}: parameter {parameter.name!r} is {value!r}"
    match parameter:
        case Continuous(low=low, high=high):
            if not _is_number(value) or not low <= float(value) <= high:
                raise StudyError(f"{found}, needed is a number between {low:g} and {high:g}")
            return float(value)
        case Integer(low=low, high=high, step=step):
            if not _is_number(value) or float(value) not in range(low, high + 1, step):
                raise StudyError(
                    f"{found}, needed is a whole number between {low} and {high} in steps of {step}"
                )
            return int(value)
        case Categorical(choices=choices):
            if isinstance(value, Mapping) or value not in choices:
                raise StudyError(f"{found}, needed is one of {list(choices)}")
            return choices[choices.index(value)]
        case Simplex():
            return _check_weights(parameter, value, found)
        case never:
            assert_never(never)


def _check_weights(simplex: Simplex, value: Value, found: str) -> dict[str, float]:
    if not isinstance(value, Mapping) or set(value) != set(simplex.parts):
        raise StudyError(f"{found}, needed is a weight for each of {list(simplex.parts)}")
    weights = {part: value[part] for part in simplex.parts}
    for (part, weight), (low, high) in zip(weights.items(), simplex.bounds, strict=True):
        if not _is_number(weight) or not low - TOLERANCE <= weight <= high + TOLERANCE:
            raise StudyError(f"{found}, needed is {low:g} <= {part} <= {high:g}")
    if abs(math.fsum(weights.values()) - 1.0) > TOLERANCE:
        raise StudyError(
            f"{found}; its weights sum to {math.fsum(weights.values())!r}, needed is 1"
        )
    if sum(weight > 0 for weight in weights.values()) > simplex.usable:
        raise StudyError(f"{found}, needed are at most {simplex.usable} weights above zero")
    return {part: float(weight) for part, weight in weights.items()}


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_measurement(name: str, value: Raw) -> Measurement:
    wrong = f"measurement {name!r} needs a number or (mean, standard error), got {value!r}"
    try:
        match value:
            case Measurement():
                return value
            case (mean, sem):
                return Measurement(float(mean), float(sem))
            case SupportsFloat():
                return Measurement(float(value))
    except EvaluationError as error:
        raise type(error)(f"measurement {name!r}: {error}") from error
    except (TypeError, ValueError) as error:
        raise EvaluationError(wrong) from error
    raise EvaluationError(wrong)
