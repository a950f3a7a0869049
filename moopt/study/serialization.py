"""Studies as JSON values, and back.

A formula is code and cannot be stored: its name is, and reading gives a `StoredFormula`.
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from moopt.errors import StudyError
from moopt.study.conditions import When
from moopt.study.objectives import (
    Direction,
    Fidelity,
    Formula,
    LinearConstraint,
    Objective,
    OutcomeConstraint,
    StoredFormula,
)
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex
from moopt.study.study import Study

Json = dict[str, Any]
"""A JSON object: strings, numbers, truth values, lists and objects."""


def study_to_json(study: Study) -> Json:
    """Return the study as a JSON object."""
    fidelity = study.fidelity
    return {
        "name": study.name,
        "parameters": [_parameter_to_json(each) for each in study.parameters],
        "objectives": [_objective_to_json(each) for each in study.objectives],
        "outcome_constraints": [
            {"name": each.name, "at_most": each.at_most, "at_least": each.at_least}
            for each in study.outcome_constraints
        ],
        "linear_constraints": [
            {
                "coefficients": dict(each.coefficients),
                "at_most": each.at_most,
                "at_least": each.at_least,
            }
            for each in study.linear_constraints
        ],
        "fidelity": None if fidelity is None else _fidelity_to_json(fidelity),
        "start_with": [dict(point) for point in study.start_with],
    }


def study_from_json(json: Json) -> Study:
    """Return the study that a JSON object describes.

    Raises:
        StudyError: A field is missing or unknown, or the study contradicts itself.
    """
    try:
        return Study(
            json["name"],
            parameters=[_parameter_from_json(each) for each in json["parameters"]],
            objectives=[_objective_from_json(each) for each in json["objectives"]],
            outcome_constraints=[OutcomeConstraint(**each) for each in json["outcome_constraints"]],
            linear_constraints=[LinearConstraint(**each) for each in json["linear_constraints"]],
            fidelity=Fidelity(**json["fidelity"]) if json["fidelity"] else None,
            start_with=json["start_with"],
        )
    except (KeyError, TypeError) as error:
        raise StudyError(
            f"this is not a study as JSON: {error!r}; it was written by another version of moopt, "
            "or by hand"
        ) from error


def _parameter_to_json(parameter: Parameter) -> Json:
    common: Json = {"kind": type(parameter).__name__, "name": parameter.name}
    if parameter.when is not None:
        common["when"] = {"name": parameter.when.name, "values": list(parameter.when.allowed)}
    match parameter:
        case Continuous(low=low, high=high, log=log):
            return common | {"low": low, "high": high, "log": log}
        case Integer(low=low, high=high, log=log, step=step):
            return common | {"low": low, "high": high, "log": log, "step": step}
        case Categorical(choices=choices, ordered=ordered):
            return common | {"choices": list(choices), "ordered": ordered}
        case Simplex(parts=parts, low=low, high=high, max_nonzero=max_nonzero):
            return common | {
                "parts": list(parts),
                "low": dict(low) if isinstance(low, Mapping) else low,
                "high": dict(high) if isinstance(high, Mapping) else high,
                "max_nonzero": max_nonzero,
            }
        case never:
            assert_never(never)


_KINDS: dict[str, Callable[..., Parameter]] = {
    "Continuous": Continuous,
    "Integer": Integer,
    "Categorical": Categorical,
    "Simplex": Simplex,
}


def _parameter_from_json(json: Json) -> Parameter:
    fields = dict(json)
    kind = fields.pop("kind")
    if kind not in _KINDS:
        raise StudyError(f"unknown kind of parameter {kind!r}, known are {list(_KINDS)}")
    if "when" in fields:
        fields["when"] = When(**fields["when"])
    return _KINDS[kind](**fields)


def _objective_to_json(objective: Objective) -> Json:
    written: Json = {
        "name": objective.name,
        "direction": objective.direction.value,
        "reference": objective.reference,
        "noise": objective.noise,
        "formula": objective.formula and formula_name(objective.formula),
    }
    # Left out where there is none, so that studies stored without the field stay the same studies.
    if objective.aspiration is not None:
        written["aspiration"] = objective.aspiration
    return written


def _fidelity_to_json(fidelity: Fidelity) -> Json:
    written: Json = {"name": fidelity.name, "low": fidelity.low, "high": fidelity.high}
    # Left out where there is none, for the same reason.
    if fidelity.fixed_cost:
        written["fixed_cost"] = fidelity.fixed_cost
    if fidelity.unbiased:
        written["unbiased"] = True
    return written


def _objective_from_json(json: Json) -> Objective:
    return Objective(
        json["name"],
        Direction(json["direction"]),
        reference=json["reference"],
        aspiration=json.get("aspiration"),
        noise=json["noise"],
        formula=StoredFormula(json["formula"]) if json["formula"] else None,
    )


def formula_name(formula: Formula) -> str:
    """Return the name by which a formula is stored."""
    if isinstance(formula, StoredFormula):
        return formula.name
    module = getattr(formula, "__module__", type(formula).__module__)
    name = getattr(formula, "__qualname__", type(formula).__qualname__)
    return f"{module}:{name}"
