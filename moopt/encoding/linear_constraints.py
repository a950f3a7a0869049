"""Linear constraints over parameters: is a point within, and which one near it is?

Values are what users gave; `moopt.encoding.linear_limits` moves them as columns.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.encoding.linear_limits import LinearLimits
from moopt.errors import StudyError
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Continuous, Integer, Value
from moopt.study.simplex import TOLERANCE
from moopt.study.study import Study

HARD_TO_HIT = 1 / 16
"""Where a smaller share of uniform points is within, those outside are drawn anew."""


@dataclass(frozen=True, slots=True)
class LinearRepair:
    """The constrained parameters of a study; in arrays they are columns of the unit cube."""

    parameters: tuple[Continuous | Integer, ...]
    constraints: tuple[LinearConstraint, ...]
    limits: LinearLimits | None
    """None: there is no constraint."""

    anchor: Mapping[str, Value]
    """Where all constraints hold: the last resort."""

    @classmethod
    def of(cls, study: Study) -> "LinearRepair":
        """Write the constraints as rows, and see that they can be met.

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
        if not constraints:
            return cls((), (), None, {})
        limits = LinearLimits.of(parameters, constraints)
        middle = {each.name: _value(each, (each.low + each.high) / 2) for each in parameters}
        anchor = cls(parameters, constraints, limits, middle).repair(middle)
        repair = cls(parameters, constraints, limits, anchor)
        if not repair.holds(anchor):
            raise StudyError(
                f"no values of {[each.name for each in parameters]} satisfy all "
                f"{len(constraints)} linear constraints together; loosen one"
            )
        return repair

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Say whether every constraint holds, up to rounding."""
        return all(_holds(constraint, values) for constraint in self.constraints)

    def repair(self, values: Mapping[str, Value], held: Collection[str] = ()) -> dict[str, Value]:
        """Return the values, with the constrained ones moved until every constraint holds.

        Args:
            values: Of all parameters.
            held: Whole-number parameters that are not to be moved where the others suffice.
        """
        repaired = dict(values)
        if self.limits is None or self.holds(values):
            return repaired
        names = [parameter.name for parameter in self.parameters]
        numbers = np.array([_number(values[name]) for name in names])
        kept = np.array([name in held for name in names])
        found = self.limits.nearest(numbers, kept)
        if found is None:
            return repaired | dict(self.anchor)
        for parameter, number in zip(self.parameters, found.tolist(), strict=True):
            repaired[parameter.name] = _value(parameter, number)
        return repaired

    def columns_near(
        self, columns: Float[np.ndarray, " c"], held: Collection[str]
    ) -> Float[np.ndarray, " c"]:
        """Return columns of the constrained parameters near by at which every constraint holds."""
        if self.limits is None:
            return columns
        values = self.limits.offsets + self.limits.slopes * columns
        by_name: dict[str, Value] = {
            parameter.name: _value(parameter, value)
            for parameter, value in zip(self.parameters, values.tolist(), strict=True)
        }
        repaired = self.repair(by_name, held)
        moved = np.array([_number(repaired[parameter.name]) for parameter in self.parameters])
        return np.asarray((moved - self.limits.offsets) / self.limits.slopes)

    def spread(self, uniform: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
        """Return columns of the constrained parameters that lie within, evenly, from uniform ones.

        Where chance hits the constraints often enough, the columns are left to chance.
        """
        if self.limits is None:
            return uniform
        within = self.limits.hold(uniform)
        if within.sum() >= HARD_TO_HIT * len(within):
            return uniform
        drawn = self.limits.draw(uniform)
        return np.where(within[:, None], uniform, uniform if drawn is None else drawn)


def _holds(constraint: LinearConstraint, values: Mapping[str, Value]) -> bool:
    slack = TOLERANCE / 2 * sum(abs(each) for each in constraint.coefficients.values())
    total = constraint.value(values)
    above = constraint.at_least is None or total >= constraint.at_least - slack
    return above and (constraint.at_most is None or total <= constraint.at_most + slack)


def _number(value: Value) -> float:
    if not isinstance(value, int | float):
        raise StudyError(f"a sum needs numbers, got {value!r}")
    return float(value)


def _value(parameter: Continuous | Integer, number: float) -> float | int:
    match parameter:
        case Integer(low=low, high=high, step=step):
            return min(max(low + step * round((number - low) / step), low), high)
        case Continuous(low=low, high=high):
            return min(max(number, low), high)
