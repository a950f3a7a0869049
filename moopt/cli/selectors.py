"""How a command line names one trial: by number, as the knee, by preference, by limits."""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass

from moopt.cli.errors import NothingFoundError, no_front
from moopt.errors import SelectionError
from moopt.front.front import Front, front_of
from moopt.reports.tables import outcome_names
from moopt.study.study import Study
from moopt.study.trials import Trial

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
LIMIT = re.compile(r"\s*(?P<name>[A-Za-z_][\w.\-]*)\s*(?P<sign><=|>=|<|>)\s*(?P<number>\S+)\s*")


@dataclass(frozen=True, slots=True)
class Limit:
    """A measurement that is to be below or above a number."""

    name: str
    sign: str
    number: float

    def holds(self, trial: Trial) -> bool:
        """Say whether the trial was measured and is within the limit."""
        measurement = trial.measurements.get(self.name)
        return measurement is not None and COMPARISONS[self.sign](measurement.mean, self.number)

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.number:g}"


@dataclass(frozen=True, slots=True)
class Selector:
    """What was asked for, exactly one of the four.

    Raises:
        SelectionError: None or several are given.
    """

    _: KW_ONLY
    knee: bool = False
    prefer: str | None = None
    trial: int | None = None
    where: Sequence[str] = ()

    def __post_init__(self) -> None:
        given = [
            option
            for option, is_given in (
                ("--knee", self.knee),
                ("--prefer", self.prefer is not None),
                ("--trial", self.trial is not None),
                ("--where", bool(self.where)),
            )
            if is_given
        ]
        if len(given) != 1:
            raise SelectionError(
                "exactly one of --knee, --prefer, --trial and --where says which trial, "
                f"got {' and '.join(given) or 'none'}"
            )


def choose(study: Study, trials: Sequence[Trial], selector: Selector) -> Trial:
    """Return the trial that a selector names.

    Raises:
        SelectionError: It names a trial or an objective that is not there, or cannot be read.
        NothingFoundError: There is no front, or no trial on it is within the limits.
    """
    if selector.trial is not None:
        return _numbered(study, trials, selector.trial)
    preferences = None if selector.prefer is None else _preferences(study, selector.prefer)
    limits = _limits(study, selector.where)
    front = front_of(study, trials)
    if not front.trials:
        raise NothingFoundError(no_front(study, trials))
    if preferences is not None:
        return front.pick(preferences)

    def within(trial: Trial) -> bool:
        return all(limit.holds(trial) for limit in limits)

    if not any(within(trial) for trial in front.trials):
        raise NothingFoundError(
            f"no trial of the front has {' and '.join(map(str, limits))}; "
            f"on the front is {_ranges(front, limits)}"
        )
    return front.knee(within=within)


def _numbered(study: Study, trials: Sequence[Trial], number: int) -> Trial:
    for trial in trials:
        if trial.number == number:
            return trial
    numbers = [trial.number for trial in trials]
    known = f"its trials are {min(numbers)} to {max(numbers)}" if numbers else "it has none"
    raise SelectionError(f"study {study.name!r} has no trial {number}; {known}")


def _preferences(study: Study, text: str) -> dict[str, float]:
    preferences: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            preferences[name.strip()] = float(number)
        except ValueError:
            shares = zip(study.objectives, (0.7, 0.3), strict=False)
            example = ",".join(f"{objective.name}={share}" for objective, share in shares)
            raise SelectionError(
                "--prefer needs OBJECTIVE=NUMBER, separated by commas, such as "
                f"{example}; got {part.strip()!r}"
            ) from None
    return preferences


def _limits(study: Study, texts: Sequence[str]) -> list[Limit]:
    limits = []
    for text in (part for each in texts for part in re.split(r",|\band\b", each)):
        match = LIMIT.fullmatch(text)
        number = _number(match["number"]) if match else None
        if match is None or number is None:
            raise SelectionError(
                f"--where needs OBJECTIVE, one of {' '.join(COMPARISONS)}, and a number, such as "
                f'"{study.objectives[0].name}>=0.5"; got {text.strip()!r}'
            )
        names = outcome_names(study)
        if match["name"] not in names:
            raise SelectionError(
                f"--where names {match['name']!r}, which study {study.name!r} does not measure; "
                f"choose from {names}"
            )
        limits.append(Limit(match["name"], match["sign"], number))
    return limits


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ranges(front: Front, limits: Sequence[Limit]) -> str:
    ranges = []
    for name in dict.fromkeys(limit.name for limit in limits):
        values = [
            each.measurements[name].mean for each in front.trials if name in each.measurements
        ]
        ranges.append(f"{name} from {min(values):g} to {max(values):g}")
    return ", ".join(ranges)
