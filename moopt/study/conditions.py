"""When a parameter counts: only while another one has certain values."""

from collections.abc import Sequence
from dataclasses import dataclass

from moopt.errors import StudyError
from moopt.study.names import check_name

Choice = str | int | float | bool
"""One value of a categorical parameter."""


@dataclass(frozen=True, slots=True)
class When:
    """The condition that a categorical or integer parameter has one of some values.

    Conditions nest: a parameter is active when its parent is active and has one of the values.

    Raises:
        StudyError: No value is given, or one value is given twice.
    """

    name: str
    """The parent parameter."""

    values: Sequence[Choice] | Choice
    """One value or several; kept as a tuple."""

    def __post_init__(self) -> None:
        check_name("condition on parameter", self.name)
        object.__setattr__(self, "values", self.allowed)
        if not self.allowed:
            raise StudyError(f"When({self.name!r}, []) never holds; give at least one value")
        if len(set(self.allowed)) < len(self.allowed):
            raise StudyError(f"When({self.name!r}, {list(self.allowed)}) gives one value twice")

    @property
    def allowed(self) -> tuple[Choice, ...]:
        """The values that make the condition hold."""
        match self.values:
            case str() | int() | float():
                return (self.values,)
            case several:
                return tuple(several)
