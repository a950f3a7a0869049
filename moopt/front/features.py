"""What makes kinds of trials: outcomes and parameters, each cut into ranges or choices."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import assert_never

from moopt.errors import SelectionError
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Trial

CELLS = 8
"""Ranges of a number where nobody says how many."""

ROUNDING = 1e-9
"""By which a whole number may miss the end of its range."""


@dataclass(frozen=True, slots=True)
class Feature:
    """An outcome or a parameter that makes kinds of trials.

    Raises:
        SelectionError: There is no cell, or the limits are not finite or not in order.
    """

    name: str
    _: KW_ONLY
    cells: int | None = None
    """Ranges of equal width. None: 8, and for whole numbers with fewer values one each."""

    low: float | None = None
    high: float | None = None
    """Limits; what is beyond counts to the range next to it. None: the bounds of a parameter, and
    of an outcome what was measured."""

    def __post_init__(self) -> None:
        if self.cells is not None and self.cells < 1:
            raise SelectionError(f"feature {self.name!r} needs a cell at least, got {self.cells}")
        given = [each for each in (self.low, self.high) if each is not None]
        if not all(map(math.isfinite, given)) or (len(given) == 2 and given[0] >= given[1]):
            raise SelectionError(
                f"feature {self.name!r} needs finite low < high, got {self.low} and {self.high}"
            )

    @classmethod
    def read(cls, text: str) -> "Feature":
        """Return a feature from `NAME`, `NAME:CELLS` or `NAME:CELLS:LOW:HIGH`.

        Raises:
            SelectionError: The text is none of these.
        """
        name, *rest = (part.strip() for part in text.split(":"))
        try:
            match rest:
                case []:
                    return cls(name)
                case [cells]:
                    return cls(name, cells=int(cells))
                case [cells, low, high]:
                    return cls(name, cells=int(cells), low=float(low), high=float(high))
        except ValueError:
            pass
        raise SelectionError(
            "a feature is NAME, NAME:CELLS or NAME:CELLS:LOW:HIGH, such as latency_ms:10:0:50; "
            f"got {text!r}"
        )


@dataclass(frozen=True, slots=True)
class Axis:
    """A feature with what it needs to tell kinds apart."""

    name: str
    low: float
    high: float
    cells: int
    log: bool = False
    """Whether the ranges are equally wide in the logarithm."""

    choices: tuple[object, ...] | None = None
    """Those of a categorical parameter, a cell each. None: a number."""

    part: str | None = None
    """Of a simplex."""

    is_parameter: bool = True
    is_whole: bool = False
    """Whether its values are whole numbers."""

    def number(self, trial: Trial) -> float | None:
        """Return where a trial lies, from 0 to 1 within the limits; None: it has no such value."""
        if not self.is_parameter:
            measured = trial.measurements.get(self.name)
            return None if measured is None else self._share(measured.mean)
        if self.part is not None:
            weights = trial.parameters.get(self.name.removesuffix(f".{self.part}"))
            return None if weights is None else self._share(float(weights[self.part]))
        value = trial.parameters.get(self.name)
        if value is None:
            return None
        if self.choices is not None:
            return (self.choices.index(value) + 0.5) / self.cells
        return self._share(float(value))

    def cell(self, trial: Trial) -> int | None:
        """Return the range or choice of a trial; None: it has no such value."""
        number = self.number(trial)
        return None if number is None else min(max(int(number * self.cells), 0), self.cells - 1)

    def bounds(self, cell: int) -> tuple[float, float]:
        """Return where a range begins and ends."""
        return self._value(cell / self.cells), self._value((cell + 1) / self.cells)

    def text(self, cell: int) -> str:
        """Return a range or a choice for people to read."""
        if self.choices is not None:
            return str(self.choices[cell])
        low, high = self.bounds(cell)
        if self.is_whole:
            first, last = math.ceil(low - ROUNDING), math.ceil(high - ROUNDING) - 1
            return str(first) if first >= last else f"{first} to {last}"
        return f"{low:.4g} to {high:.4g}"

    def _share(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)

    def _value(self, share: float) -> float:
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)


def axes_of(study: Study, trials: Sequence[Trial], features: Sequence[Feature]) -> tuple[Axis, ...]:
    """Return what features need to tell kinds apart.

    Args:
        study: Whose features they are.
        trials: From which limits of outcomes are taken where none are given.
        features: Each once.

    Raises:
        SelectionError: As for `check_features`; or nothing was measured that could give an outcome
            its limits.
    """
    check_features(study, features)
    return tuple(_axis(study, trials, each) for each in features)


def check_features(study: Study, features: Sequence[Feature]) -> None:
    """Refuse features that make no kinds of a study's trials.

    Raises:
        SelectionError: There is none, a name is neither an outcome nor a parameter, or it comes
            twice.
    """
    names = [each.name for each in features]
    if not names or len(set(names)) < len(names):
        raise SelectionError(f"kinds need one feature or more, each once; got {names}")
    plain = [each.name for each in study.parameters if not isinstance(each, Simplex)]
    known = [*_outcomes(study), *plain, *_parts(study)]
    for name in names:
        if name not in known:
            raise SelectionError(
                f"study {study.name!r} has no feature {name!r}; choose from {known}"
            )


def _outcomes(study: Study) -> list[str]:
    """Return the objectives, computed ones too, then what is only constrained."""
    return list(dict.fromkeys([*(each.name for each in study.objectives), *study.outcomes]))


def _parts(study: Study) -> dict[str, str]:
    """Return the parts of simplexes by the names that they have as features, such as `mix.news`."""
    return {
        f"{each.name}.{part}": part
        for each in study.parameters
        if isinstance(each, Simplex)
        for part in each.parts
    }


def _axis(study: Study, trials: Sequence[Trial], feature: Feature) -> Axis:
    if feature.name in _outcomes(study):
        return _of_outcome(trials, feature)
    parts = _parts(study)
    if feature.name in parts:
        limits = _limits(feature, 0.0, 1.0)
        return Axis(feature.name, *limits, feature.cells or CELLS, part=parts[feature.name])
    return _of_parameter({each.name: each for each in study.parameters}[feature.name], feature)


def _of_parameter(parameter: Parameter, feature: Feature) -> Axis:
    match parameter:
        case Categorical(choices=choices):
            return Axis(feature.name, 0.0, 1.0, len(choices), choices=tuple(choices))
        case Integer(low=low, high=high, step=step):
            # Around whole numbers, so that each of a few has a range of its own.
            half = step / 2
            cells = feature.cells or min(CELLS, (high - low) // step + 1)
            limits = _limits(feature, low - half, high + half)
            log = parameter.log and limits[0] > 0
            return Axis(feature.name, *limits, cells, log=log, is_whole=True)
        case Continuous(low=low, high=high):
            limits = _limits(feature, low, high)
            cells = feature.cells or CELLS
            return Axis(feature.name, *limits, cells, log=parameter.log and limits[0] > 0)
        case Simplex():
            raise SelectionError(f"{feature.name!r} is a simplex; name one of its parts")
        case never:
            assert_never(never)


def _of_outcome(trials: Sequence[Trial], feature: Feature) -> Axis:
    values = [
        trial.measurements[feature.name].mean
        for trial in trials
        if feature.name in trial.measurements
    ]
    if not values and (feature.low is None or feature.high is None):
        raise SelectionError(
            f"no feasible trial has measured {feature.name!r} yet; give its limits, such as "
            f"{feature.name}:{CELLS}:0:1"
        )
    low, high = _limits(feature, min(values, default=0.0), max(values, default=1.0))
    if low >= high:
        # All alike: one value, in the middle.
        room = max(abs(low), 1.0) / 2
        low, high = low - room, low + room
    return Axis(feature.name, low, high, feature.cells or CELLS, is_parameter=False)


def _limits(feature: Feature, low: float, high: float) -> tuple[float, float]:
    """Return the limits that are given, and others where there are none."""
    return (
        low if feature.low is None else feature.low,
        high if feature.high is None else feature.high,
    )
