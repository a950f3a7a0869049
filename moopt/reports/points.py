"""What the figures show of each trial: its role, its hover text, its numbers.

Text that a user wrote is escaped here, because Plotly reads markup in labels.
"""

import enum
import html
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from moopt.front.front import Front
from moopt.front.values import is_feasible, measured_trials
from moopt.reports.best import has_one_objective
from moopt.reports.formatting import decimals_for, measurement_text, value_text
from moopt.study.study import Study
from moopt.study.trials import Measurements, Trial

MOST_HOVER_LINES = 14

DECADES = 100.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


class Role(enum.Enum):
    """What a measured trial is to the front."""

    DOMINATED = "dominated"
    INFEASIBLE = "infeasible"
    FRONT = "front"
    KNEE = "knee"


@dataclass(frozen=True, slots=True)
class Ink:
    """How the trials of one role are drawn."""

    color: str
    symbol: str
    size: float
    opacity: float


# Blue, vermilion, green and purple of Okabe and Ito (2008): told apart with any colour vision. Each
# has a contrast above 3:1 on the page's light and on its dark ground.
INKS = {
    Role.DOMINATED: Ink("#8a929b", "circle", 6, 0.55),
    Role.INFEASIBLE: Ink("#b3668f", "x-thin-open", 7, 0.8),
    Role.FRONT: Ink("#2b7fc3", "circle", 9, 1.0),
    Role.KNEE: Ink("#d55e00", "diamond", 13, 1.0),
}
HELD_OUT_INK = Ink("#0b9b74", "circle", 8, 1.0)
REFERENCE_COLOR = "#8a929b"


@dataclass(frozen=True, slots=True)
class Points:
    """Everything that has a place in the objective space, sorted by role."""

    study: Study
    """With a reference for each objective that has one."""

    roles: Mapping[Role, Sequence[Trial]]
    """In the order of drawing: what matters most comes last and lies on top."""

    knee: Trial | None
    """None: the front is empty, or there is one objective only."""

    @property
    def front(self) -> list[Trial]:
        """The trials of the front, the knee among them, by the first objective, best first."""
        trials = [*self.roles[Role.FRONT], *self.roles[Role.KNEE]]
        first = self.study.objectives[0]
        return sorted(
            trials, key=lambda each: -first.direction.sign * each.measurements[first.name].mean
        )

    @property
    def all(self) -> list[Trial]:
        """All of them, by number."""
        trials = [trial for group in self.roles.values() for trial in group]
        return sorted(trials, key=lambda each: each.number)


def points_of(front: Front, trials: Sequence[Trial]) -> Points:
    """Sort the measured trials by what they are to the front."""
    study = front.study
    knee = front.knee() if front.trials and not has_one_objective(study) else None
    on_front = {trial.number for trial in front.trials}
    roles: dict[Role, list[Trial]] = {role: [] for role in Role}
    for trial in measured_trials(study, trials):
        if knee is not None and trial.number == knee.number:
            roles[Role.KNEE].append(trial)
        elif trial.number in on_front:
            roles[Role.FRONT].append(trial)
        elif is_feasible(study, trial):
            roles[Role.DOMINATED].append(trial)
        else:
            roles[Role.INFEASIBLE].append(trial)
    return Points(study, roles, knee)


def by_end(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials in the order of `hypervolume_history`."""
    return sorted(
        trials, key=lambda each: (each.ended.timestamp() if each.ended else 0.0, each.number)
    )


def hover_text(trial: Trial) -> str:
    """Return what a trial says when the pointer is over it."""
    lines = [f"<b>trial {trial.number}</b> · {html.escape(trial.sampler) or 'own choice'}"]
    lines += _measured(trial.measurements, "")
    lines += _measured(trial.held_out, " held out")
    lines += [
        f"{html.escape(name)} = {html.escape(value_text(value))}"
        for name, value in trial.parameters.items()
    ]
    if len(lines) > MOST_HOVER_LINES:
        hidden = len(lines) - MOST_HOVER_LINES
        lines = [*lines[:MOST_HOVER_LINES], f"… and {hidden} more"]
    return "<br>".join(lines)


def means(trials: Sequence[Trial], name: str) -> list[float]:
    """Return the means of one measurement."""
    return [trial.measurements[name].mean for trial in trials]


def errors(trials: Sequence[Trial], name: str) -> list[float]:
    """Return the standard errors of one measurement, zero where they are not known."""
    return [trial.measurements[name].sem or 0.0 for trial in trials]


def limits(study: Study, trials: Collection[Trial], name: str) -> tuple[float, float]:
    """Return a range of values that shows these trials and the reference with some room."""
    shown = [trial.measurements[name].mean for trial in trials]
    shown += [
        objective.reference
        for objective in study.objectives
        if objective.name == name and objective.reference is not None
    ]
    low, high = min(shown), max(shown)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def spans_decades(points: Points) -> bool:
    """Say whether a logarithm shows the values of the only objective best.

    What decides a search lies close together near the best value, far from where it began.
    """
    if not has_one_objective(points.study):
        return False
    values = means(points.all, points.study.objectives[0].name)
    return min(values) > 0 and max(values) > DECADES * min(values)


def _measured(measurements: Measurements, suffix: str) -> list[str]:
    return [
        f"{html.escape(name)}{suffix}: {measurement_text(each, decimals_for([each]))}"
        for name, each in measurements.items()
    ]
