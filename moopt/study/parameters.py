"""What varies: parameters, each a frozen value that is checked when it is made.

`Parameter` is a closed union. Code that treats the kinds differently matches over it and ends in
`assert_never`, so that mypy lists every place to change when a kind is added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from moopt.errors import StudyError
from moopt.study.conditions import Choice, When
from moopt.study.names import check_name, check_number, check_whole
from moopt.study.simplex import Simplex

Value = str | int | float | bool | Mapping[str, float]
"""What a parameter is set to; a mapping from part to weight for a simplex."""

Parameters = Mapping[str, Any]
"""A value for every active parameter, by name. Inactive ones are absent.

The study says of what type each value is, so whoever reads one need not narrow a union.
"""


@dataclass(frozen=True, slots=True)
class Continuous:
    """A real number between two bounds, both included.

    Raises:
        StudyError: The bounds are not finite, not in order, or not positive on a log scale.
    """

    name: str
    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    """Search the logarithm: for learning rates and whatever spans orders of magnitude."""

    when: When | None = None
    """None: always active."""

    def __post_init__(self) -> None:
        check_name("parameter", self.name)
        owner = f"parameter {self.name!r}"
        object.__setattr__(self, "low", check_number(owner, "low", self.low))
        object.__setattr__(self, "high", check_number(owner, "high", self.high))
        _check_bounds(owner, self.low, self.high)
        if self.log and self.low <= 0:
            raise StudyError(
                f"{owner} is on a log scale and needs low > 0, got low={self.low:g}; "
                "use a small positive bound or log=False"
            )


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two bounds, both included.

    Raises:
        StudyError: The bounds are not whole, not in order, not positive on a log scale, or the step
            does not lead from one to the other.
    """

    name: str
    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    """Search the logarithm: for batch sizes, ranks and widths."""

    step: int = 1
    """Distance between neighbouring values, counted from `low`."""

    when: When | None = None
    """None: always active."""

    def __post_init__(self) -> None:
        check_name("parameter", self.name)
        owner = f"parameter {self.name!r}"
        check_whole(owner, "low", self.low)
        check_whole(owner, "high", self.high)
        check_whole(owner, "step", self.step)
        _check_bounds(owner, self.low, self.high)
        if self.log and self.low < 1:
            raise StudyError(
                f"{owner} is on a log scale and needs low >= 1, got low={self.low}; "
                "use a positive bound or log=False"
            )
        if self.step < 1:
            raise StudyError(f"{owner} needs step >= 1, got step={self.step}")
        if self.log and self.step != 1:
            raise StudyError(
                f"{owner} has a log scale and step={self.step}; a log scale takes every whole "
                "number, use step=1 or a Categorical with ordered=True"
            )
        excess = (self.high - self.low) % self.step
        if excess:
            raise StudyError(
                f"{owner} cannot reach high={self.high} from low={self.low} with step={self.step}; "
                f"use high={self.high - excess} or high={self.high - excess + self.step}"
            )


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several choices.

    Raises:
        StudyError: There are fewer than two choices, two are equal, or one is not a string, a
            number or a truth value.
    """

    name: str
    choices: Sequence[Choice]
    _: KW_ONLY
    ordered: bool = False
    """The choices are given from one end of a scale to the other, such as small, medium, large."""

    when: When | None = None
    """None: always active."""

    def __post_init__(self) -> None:
        check_name("parameter", self.name)
        owner = f"parameter {self.name!r}"
        if isinstance(self.choices, str) or not isinstance(self.choices, Sequence):
            raise StudyError(f"{owner} needs a list of choices, got choices={self.choices!r}")
        object.__setattr__(self, "choices", tuple(self.choices))
        if len(self.choices) < 2:
            raise StudyError(
                f"{owner} needs at least two choices, got {list(self.choices)}; a value that never "
                "varies is a constant of the evaluator"
            )
        for index, choice in enumerate(self.choices):
            if isinstance(choice, float):
                check_number(owner, "choice", choice)
            if not isinstance(choice, str | int | float | bool):
                raise StudyError(
                    f"{owner} takes strings, numbers and truth values as choices, got {choice!r}; "
                    "give it a name here and look the object up in the evaluator"
                )
            if choice in self.choices[:index]:
                raise StudyError(f"{owner} lists the choice {choice!r} twice; give each once")


Parameter = Continuous | Integer | Categorical | Simplex


def _check_bounds(owner: str, low: float, high: float) -> None:
    if not low < high:
        raise StudyError(f"{owner} needs low < high, got low={low:g}, high={high:g}")
