"""Weights that sum to one: mixtures of data, shares of models.

Bounds hold for each part. A part with a positive lower bound is always in use; the others may be
zero, and `max_nonzero` limits how many parts are in use at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from moopt.errors import StudyError
from moopt.study.conditions import When
from moopt.study.names import check_name, check_number, check_whole

TOLERANCE = 1e-9
"""How far the sum of the weights may be from one."""


@dataclass(frozen=True, slots=True)
class Simplex:
    """Non-negative weights, one a part, that sum to one.

    Raises:
        StudyError: There are fewer than two parts, a bound is outside [0, 1] or names no part, or
            no weights within the bounds sum to one.
    """

    name: str
    parts: Sequence[str]
    _: KW_ONLY
    low: float | Mapping[str, float] = 0.0
    """Smallest weight: one number for all parts, or one for each part that has one."""

    high: float | Mapping[str, float] = 1.0
    """Largest weight: one number for all parts, or one for each part that has one."""

    max_nonzero: int | None = None
    """Largest number of weights above zero. None: all of them."""

    when: When | None = None
    """None: always active."""

    def __post_init__(self) -> None:
        check_name("parameter", self.name)
        owner = f"parameter {self.name!r}"
        if isinstance(self.parts, str) or not isinstance(self.parts, Sequence):
            raise StudyError(f"{owner} needs a list of parts, got parts={self.parts!r}")
        object.__setattr__(self, "parts", tuple(self.parts))
        for part in self.parts:
            check_name(f"{owner}: part", part)
        if len(set(self.parts)) < len(self.parts) or len(self.parts) < 2:
            raise StudyError(
                f"{owner} needs at least two parts with names of their own, got {list(self.parts)}"
            )
        object.__setattr__(self, "low", _bound(owner, "low", self.low, self.parts))
        object.__setattr__(self, "high", _bound(owner, "high", self.high, self.parts))
        if self.max_nonzero is not None:
            check_whole(owner, "max_nonzero", self.max_nonzero)
            if not 1 <= self.max_nonzero <= len(self.parts):
                raise StudyError(
                    f"{owner} needs max_nonzero between 1 and its {len(self.parts)} parts, "
                    f"got max_nonzero={self.max_nonzero}"
                )
        self._check_reachable(owner)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """The smallest and the largest weight of each part, in the order of the parts."""
        return tuple(
            (_of(self.low, part, default=0.0), _of(self.high, part, default=1.0))
            for part in self.parts
        )

    @property
    def usable(self) -> int:
        """How many parts may be above zero at once."""
        return len(self.parts) if self.max_nonzero is None else self.max_nonzero

    def _check_reachable(self, owner: str) -> None:
        for part, (low, high) in zip(self.parts, self.bounds, strict=True):
            if low > high:
                raise StudyError(f"{owner}: part {part!r} has low={low:g} above high={high:g}")
        smallest = sum(low for low, _ in self.bounds)
        if smallest > 1 + TOLERANCE:
            raise StudyError(
                f"{owner}: the lower bounds sum to {smallest:g}, so no weights sum to 1; lower them"
            )
        always = [high for low, high in self.bounds if low > 0]
        others = sorted((high for low, high in self.bounds if low == 0), reverse=True)
        if len(always) > self.usable:
            raise StudyError(
                f"{owner}: {len(always)} parts have a positive lower bound, but "
                f"max_nonzero={self.max_nonzero}; raise max_nonzero or lower the bounds to 0"
            )
        largest = sum(always) + sum(others[: self.usable - len(always)])
        if largest < 1 - TOLERANCE:
            raise StudyError(
                f"{owner}: the largest weights sum to {largest:g}, so no weights sum to 1; raise "
                "the upper bounds or max_nonzero"
            )


def _bound(
    owner: str, field: str, bound: float | Mapping[str, float], parts: Sequence[str]
) -> float | dict[str, float]:
    if not isinstance(bound, Mapping):
        return _share(owner, field, bound)
    for part in bound:
        if part not in parts:
            raise StudyError(
                f"{owner}: {field} names the part {part!r}, which is none of {list(parts)}"
            )
    return {part: _share(owner, f"{field}[{part!r}]", value) for part, value in bound.items()}


def _share(owner: str, field: str, value: object) -> float:
    share = check_number(owner, field, value)
    if not 0 <= share <= 1:
        raise StudyError(f"{owner} needs {field} between 0 and 1, got {field}={share:g}")
    return share


def _of(bound: float | Mapping[str, float], part: str, *, default: float) -> float:
    return bound.get(part, default) if isinstance(bound, Mapping) else bound
