"""What is wanted: objectives, limits on outcomes, limits on parameters, fidelity."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass

from moopt.errors import StudyError
from moopt.study.names import check_name, check_number
from moopt.study.parameters import Parameters

Formula = Callable[[Parameters], float]
"""An objective in closed form: computed from the parameters, never measured or modelled."""


class Direction(enum.Enum):
    """Which values of an objective are better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> float:
        """The factor that makes larger better."""
        return 1.0 if self is Direction.MAXIMIZE else -1.0


Maximize = Direction.MAXIMIZE
Minimize = Direction.MINIMIZE


@dataclass(frozen=True, slots=True)
class StoredFormula:
    """A formula that was read from JSON: known by name, without its code."""

    name: str

    def __call__(self, parameters: Parameters) -> float:
        """Refuse: the code is in the study file.

        Raises:
            StudyError: Always.
        """
        raise StudyError(
            f"the formula {self.name!r} is known by name only and cannot be computed for "
            f"{dict(parameters)}; load the study from its file"
        )


@dataclass(frozen=True, slots=True)
class Objective:
    """A number to be made large or small.

    Raises:
        StudyError: The direction is none, a number is not finite, the aspiration is not better than
            the reference, or a formula comes with noise.
    """

    name: str
    """Key of the measurement that the evaluator returns."""

    direction: Direction
    _: KW_ONLY
    reference: float | None = None
    """Worst value still of interest, in the objective's own unit: its coordinate of the reference
    point. None: inferred once, after the initial design."""

    aspiration: float | None = None
    """Value beyond which more is worth nothing, in the objective's own unit. None: more is always
    better.

    Source: Wierzbicki, "The use of reference objectives in multiobjective optimization", Multiple
    Criteria Decision Making Theory and Application (1980), for the word.
    """

    noise: float | None = None
    """Standard deviation of one measurement that comes without a standard error. None: learned;
    0: deterministic."""

    formula: Formula | None = None
    """Closed form, such as a parameter count. None: measured by the evaluator."""

    def __post_init__(self) -> None:
        check_name("objective", self.name)
        owner = f"objective {self.name!r}"
        if not isinstance(self.direction, Direction):
            raise StudyError(f"{owner} needs Maximize or Minimize, got {self.direction!r}")
        if self.reference is not None:
            object.__setattr__(self, "reference", check_number(owner, "reference", self.reference))
        if self.aspiration is not None:
            self._check_aspiration(owner, self.aspiration)
        if self.noise is not None:
            object.__setattr__(self, "noise", check_number(owner, "noise", self.noise))
            if self.noise < 0:
                raise StudyError(
                    f"{owner} needs noise >= 0 (a standard deviation), got noise={self.noise:g}"
                )
        if self.formula is None:
            return
        if not callable(self.formula):
            raise StudyError(
                f"{owner} needs a function of the parameters as formula, got {self.formula!r}"
            )
        if self.noise:
            raise StudyError(f"{owner} has a formula, which has no noise; leave noise out")

    def _check_aspiration(self, owner: str, aspiration: float) -> None:
        aspiration = check_number(owner, "aspiration", aspiration)
        object.__setattr__(self, "aspiration", aspiration)
        if self.reference is None:
            return
        if self.direction.sign * (aspiration - self.reference) <= 0:
            side = "above" if self.direction is Direction.MAXIMIZE else "below"
            raise StudyError(
                f"{owner} is to {self.direction.value} and needs an aspiration {side} its "
                f"reference, got aspiration={aspiration:g}, reference={self.reference:g}"
            )


@dataclass(frozen=True, slots=True)
class OutcomeConstraint:
    """A limit on a measurement: trials outside it are not feasible.

    The measurement may be an objective or one that is only constrained.

    Raises:
        StudyError: No limit is given, or no value lies between the two.
    """

    name: str
    """Key of the measurement that the evaluator returns."""

    _: KW_ONLY
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        check_name("outcome constraint", self.name)
        _check_limits(self, f"outcome constraint {self.name!r}")

    def holds(self, value: float) -> bool:
        """Say whether a measured value is within the limits."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, slots=True)
class LinearConstraint:
    """A limit on a weighted sum of continuous or integer parameters.

    Raises:
        StudyError: A coefficient is not finite, all are zero, or no limit is given.
    """

    coefficients: Mapping[str, float]
    """Factor of each parameter, by name."""

    _: KW_ONLY
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        owner = f"linear constraint {self.coefficients!r}"
        if not isinstance(self.coefficients, Mapping) or not self.coefficients:
            raise StudyError(f"{owner} needs a mapping from parameter name to coefficient")
        checked = {
            name: check_number(owner, f"coefficient of {name!r}", value)
            for name, value in self.coefficients.items()
        }
        if not any(checked.values()):
            raise StudyError(f"{owner} limits nothing: all its coefficients are zero")
        object.__setattr__(self, "coefficients", checked)
        _check_limits(self, owner)

    def value(self, parameters: Parameters) -> float:
        """Return the weighted sum."""
        total = 0.0
        for name, coefficient in self.coefficients.items():
            value = parameters[name]
            if not isinstance(value, int | float):
                raise StudyError(f"parameter {name!r} needs a number here, got {value!r}")
            total += coefficient * value
        return total


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much of an evaluation is paid for: epochs, steps, a share of the data.

    Raises:
        StudyError: The bounds are not finite, not positive or not in order.
    """

    name: str
    _: KW_ONLY
    low: float
    high: float
    """The fidelity that counts: fronts are made of measurements at this one."""

    fixed_cost: float = 0.0
    """Share of the cost of a whole evaluation that is paid at any fidelity, and once more when a
    trial is taken further: to load, to measure."""

    unbiased: bool = False
    """Whether a measurement at a lower fidelity estimates the same number, with a larger standard
    error, as on a random share of the examples: then every measurement is learned from alike.
    Training is not so: after one epoch a model is another one."""

    def __post_init__(self) -> None:
        check_name("fidelity", self.name)
        owner = f"fidelity {self.name!r}"
        object.__setattr__(self, "fixed_cost", check_number(owner, "fixed_cost", self.fixed_cost))
        if not 0 <= self.fixed_cost < 1:
            raise StudyError(f"{owner} needs 0 <= fixed_cost < 1, got {self.fixed_cost:g}")
        object.__setattr__(self, "low", check_number(owner, "low", self.low))
        object.__setattr__(self, "high", check_number(owner, "high", self.high))
        if not 0 < self.low < self.high:
            raise StudyError(
                f"{owner} needs 0 < low < high, got low={self.low:g}, high={self.high:g}"
            )

    @property
    def is_whole(self) -> bool:
        """Whether it counts something, such as epochs: both ends are whole numbers."""
        return self.low.is_integer() and self.high.is_integer()

    def levels(self, factor: float = 3.0) -> tuple[float, ...]:
        """Return the fidelities at which trials are compared, ascending; the last is `high`.

        Each is about `factor` times the one before. Source: Jamieson and Talwalkar, "Non-stochastic
        best arm identification and hyperparameter optimization", AISTATS 2016.

        Raises:
            StudyError: The factor is not above 1.
        """
        if not factor > 1:
            raise StudyError(f"fidelity {self.name!r} needs a factor above 1, got {factor:g}")
        found = [self.high]
        while found[-1] / factor > self.low * (1 + 1e-9):
            found.append(found[-1] / factor)
        if found[-1] > self.low:
            found.append(self.low)
        # The last step down may be a small one: then the fidelity above it is left out.
        if len(found) > 2 and found[-2] / found[-1] < factor**0.5:
            del found[-2]
        if self.is_whole:
            found = sorted({float(round(each)) for each in found}, reverse=True)
        return tuple(reversed(found))

    def cost(self, fidelity: float, *, after: float = 0.0) -> float:
        """Return what an evaluation costs, in whole evaluations.

        Args:
            fidelity: Up to which it goes.
            after: The fidelity of the trial that it takes further. 0: none.
        """
        return self.fixed_cost + (1 - self.fixed_cost) * max(0.0, fidelity - after) / self.high


def _check_limits(limited: OutcomeConstraint | LinearConstraint, owner: str) -> None:
    for field in ("at_most", "at_least"):
        limit = getattr(limited, field)
        if limit is not None:
            object.__setattr__(limited, field, check_number(owner, field, limit))
    if limited.at_most is None and limited.at_least is None:
        raise StudyError(f"{owner} limits nothing; give at_most, at_least or both")
    if (
        limited.at_most is not None
        and limited.at_least is not None
        and limited.at_least > limited.at_most
    ):
        raise StudyError(
            f"{owner} can never hold: at_least={limited.at_least:g} is above "
            f"at_most={limited.at_most:g}"
        )
