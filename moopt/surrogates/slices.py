"""What the surrogates believe along each parameter while the others stay what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
import torch
from jaxtyping import Float

from moopt.encoding.columns import decode_value
from moopt.encoding.weights import nearest_weights
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters, Value
from moopt.study.simplex import Simplex
from moopt.study.validation import is_active, parents_first
from moopt.surrogates.study_model import StudyModel

STEPS = 33
"""Values along a parameter that has many."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One parameter, or one weight of a simplex, moved through a point."""

    column: tuple[str, ...]
    """Name of the parameter, and of the part of a simplex."""

    values: Sequence[Value]
    at: Value
    """What it is at the point."""

    means: Float[np.ndarray, "n k"]
    """By value and outcome, in the outcome's own unit."""

    deviations: Float[np.ndarray, "n k"]


def slices_through(model: StudyModel, point: Parameters) -> list[Slice]:
    """Return the slices of every active parameter through a point.

    What would break a linear constraint is left out. The other weights of a simplex make room in
    proportion. A parameter that becomes active on the way is in the middle of its range.

    Args:
        model: Of the study.
        point: Valid parameters.
    """
    signs = np.array(
        [
            {x.name: x.direction.sign for x in model.study.objectives}.get(n, 1.0)
            for n in model.names
        ]
    )
    found = []
    for parameter in model.study.parameters:
        if parameter.name not in point:
            continue
        for column, at, values, settings in _settings(parameter, point[parameter.name]):
            moved = [_with(model, point, parameter.name, each) for each in settings]
            kept = [k for k, each in enumerate(moved) if model.encoding.repair.holds(each)]
            if len(kept) < 2:
                continue
            with torch.no_grad():
                means, deviations = model.marginals(
                    model.encoding.encode_all([moved[k] for k in kept])
                )
            found.append(
                Slice(
                    column,
                    [values[k] for k in kept],
                    at,
                    means.numpy() * signs,
                    deviations.numpy(),
                )
            )
    return found


_Settings = tuple[tuple[str, ...], Value, list[Value], list[Value]]
"""Column, where the point is, the values along the axis, and what the parameter is set to."""


def _settings(parameter: Parameter, at: Value) -> list[_Settings]:
    match parameter:
        case Continuous():
            columns = np.linspace(0.0, 1.0, STEPS).tolist()
            values: list[Value] = [decode_value(parameter, [each]) for each in columns]
        case Integer(low=low, high=high, step=step):
            every = np.arange(low, high + 1, step)
            if len(every) > STEPS:
                columns = np.linspace(0.0, 1.0, STEPS).tolist()
                every = np.unique([decode_value(parameter, [each]) for each in columns])
            values = [int(each) for each in every]
        case Categorical(choices=choices):
            values = list(choices)
        case Simplex(parts=parts):
            weights = at if isinstance(at, Mapping) else {}
            return [_part(parameter, weights, part) for part in parts]
        case never:
            assert_never(never)
    return [((parameter.name,), at, values, values)]


def _part(simplex: Simplex, at: Mapping[str, float], part: str) -> _Settings:
    """Move one weight; the others keep their proportions, as far as their bounds allow."""
    low, high = dict(zip(simplex.parts, simplex.bounds, strict=True))[part]
    rest = {name: weight for name, weight in at.items() if name != part}
    total = sum(rest.values())
    values: list[Value] = []
    settings: list[Value] = []
    for weight in np.linspace(low, high, STEPS).tolist():
        room = 1.0 - weight
        shares = {
            name: room * (each / total if total > 0 else 1.0 / len(rest))
            for name, each in rest.items()
        }
        wanted = [weight if name == part else shares[name] for name in simplex.parts]
        weights = dict(zip(simplex.parts, nearest_weights(simplex, wanted), strict=True))
        if not values or weights[part] != values[-1]:
            values.append(weights[part])
            settings.append(weights)
    return (simplex.name, part), at[part], values, settings


def _with(model: StudyModel, point: Parameters, name: str, value: Value) -> dict[str, Any]:
    """Return the point with one parameter changed, without those that are no longer active."""
    changed: dict[str, Any] = {**point, name: value}
    kept: dict[str, Any] = {}
    for parameter in parents_first(model.study.parameters):
        if parameter.name in changed and is_active(parameter, kept):
            kept[parameter.name] = changed[parameter.name]
    return kept
