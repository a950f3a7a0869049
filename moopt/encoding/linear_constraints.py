"""Linear constraints over parameters: is a point within, and which point near it is?

A point outside is pulled along the line to an anchor that lies well inside until every constraint
holds, whole numbers included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, milp
from scipy.optimize import LinearConstraint as ScipyConstraint

from moopt.errors import StudyError
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Continuous, Integer, Value
from moopt.study.simplex import TOLERANCE
from moopt.study.study import Study

STEPS = 256
"""How finely the line to the anchor is searched."""


@dataclass(frozen=True, slots=True)
class LinearRepair:
    """The constrained parameters of a study and a point at which all constraints hold."""

    parameters: tuple[Continuous | Integer, ...]
    constraints: tuple[LinearConstraint, ...]
    anchor: Mapping[str, float]

    @classmethod
    def of(cls, study: Study) -> "LinearRepair":
        """Find the anchor.

        Raises:
            StudyError: No point satisfies all constraints.
        """
        constrained = {name for each in study.linear_constraints for name in each.coefficients}
        parameters = tuple(
            parameter
            for parameter in study.parameters
            if isinstance(parameter, Continuous | Integer) and parameter.name in constrained
        )
        constraints = tuple(study.linear_constraints)
        anchor = _deepest_point(parameters, constraints) if constraints else {}
        return cls(parameters, constraints, anchor)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Say whether every constraint holds, up to rounding."""
        return all(_holds(constraint, values) for constraint in self.constraints)

    def repair(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values, with the constrained ones moved until every constraint holds."""
        repaired = dict(values)
        for step in range(STEPS + 1):
            if self.holds(repaired):
                break
            share = 1.0 - step / STEPS
            for parameter in self.parameters:
                here, value = self.anchor[parameter.name], values[parameter.name]
                if isinstance(value, int | float):
                    repaired[parameter.name] = _between(parameter, here, value, share)
        return repaired


def _between(
    parameter: Continuous | Integer, anchor: float, value: float, share: float
) -> float | int:
    moved = anchor + share * (value - anchor)
    if isinstance(parameter, Integer):
        return parameter.low + parameter.step * round((moved - parameter.low) / parameter.step)
    return min(max(moved, parameter.low), parameter.high)


def _holds(constraint: LinearConstraint, values: Mapping[str, Value]) -> bool:
    slack = TOLERANCE / 2 * sum(abs(each) for each in constraint.coefficients.values())
    total = constraint.value(values)
    above = constraint.at_least is None or total >= constraint.at_least - slack
    return above and (constraint.at_most is None or total <= constraint.at_most + slack)


def _deepest_point(
    parameters: Sequence[Continuous | Integer], constraints: Sequence[LinearConstraint]
) -> dict[str, float]:
    """Return the point with the largest distance to the nearest limit."""
    steps = np.array([each.step if isinstance(each, Integer) else 1.0 for each in parameters])
    lows = np.array([float(each.low) for each in parameters])
    highs = np.array([float(each.high) for each in parameters])
    rows, lower, upper = [], [], []
    for constraint in constraints:
        row = np.array([constraint.coefficients.get(each.name, 0.0) for each in parameters])
        offset, length = float(row @ lows), float(np.linalg.norm(row))
        if constraint.at_least is not None:
            rows.append([*(row * steps), -length])
            lower.append(constraint.at_least - offset)
            upper.append(np.inf)
        if constraint.at_most is not None:
            rows.append([*(row * steps), length])
            lower.append(-np.inf)
            upper.append(constraint.at_most - offset)
    widths = (highs - lows) / steps
    solution = milp(
        c=np.array([*np.zeros(len(parameters)), -1.0]),
        integrality=np.array([*(isinstance(each, Integer) for each in parameters), False]),
        bounds=Bounds(np.zeros(len(parameters) + 1), np.array([*widths, np.abs(widths).max()])),
        constraints=ScipyConstraint(np.array(rows), np.array(lower), np.array(upper)),
    )
    if solution.x is None:
        raise StudyError(
            f"no values of {[each.name for each in parameters]} satisfy all "
            f"{len(constraints)} linear constraints together; loosen one"
        )
    values = lows + steps * solution.x[:-1]
    return {
        each.name: min(max(float(value), float(each.low)), float(each.high))
        for each, value in zip(parameters, values, strict=True)
    }
