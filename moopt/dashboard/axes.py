"""What may be an axis of a figure: every outcome and every parameter of a study."""

import html
from dataclasses import dataclass

from moopt.reports.figures import quiet_axis
from moopt.reports.tables import outcome_names, outcome_title, parameter_columns, parameter_value
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial

OUTCOME, PARAMETER = "outcome", "parameter"


@dataclass(frozen=True, slots=True)
class Axis:
    """One number, or one name, of each trial."""

    kind: str
    """`OUTCOME` or `PARAMETER`."""

    column: tuple[str, ...]
    """Name of the outcome; name of the parameter, and the part where it is a simplex."""

    title: str

    @property
    def key(self) -> str:
        """What a control calls it."""
        return f"{self.kind}:{self.name}"

    @property
    def name(self) -> str:
        """The name, with the part of a simplex after a dot."""
        return ".".join(self.column)

    def measurement(self, trial: Trial, *, held_out: bool) -> Measurement | None:
        """Return what was measured on either data; of a trial that runs, the last it reported."""
        if self.kind != OUTCOME:
            return None
        found = (trial.held_out if held_out else trial.measurements).get(self.name)
        if found is None and not held_out and trial.partial:
            return trial.partial[max(trial.partial)].get(self.name)
        return found

    def value(self, trial: Trial, *, held_out: bool = False) -> float | str | None:
        """Return where a trial stands; None: nowhere."""
        if self.kind == OUTCOME:
            found = self.measurement(trial, held_out=held_out)
            return None if found is None else found.mean
        value = parameter_value(trial, self.column)
        if isinstance(value, bool | str):
            return str(value)
        return value

    def error(self, trial: Trial, *, held_out: bool = False) -> float:
        """Return the standard error, zero where it is not known."""
        found = self.measurement(trial, held_out=held_out)
        return 0.0 if found is None else found.sem or 0.0


def axes_of(study: Study) -> list[Axis]:
    """Return all that may be an axis, objectives first."""
    outcomes = [Axis(OUTCOME, (name,), outcome_title(study, name)) for name in outcome_names(study)]
    parameters = [Axis(PARAMETER, column, ".".join(column)) for column in parameter_columns(study)]
    return outcomes + parameters


def axis_named(study: Study, key: str | None, fallback: int) -> Axis:
    """Return the axis that a control names, or another one where there is none of that name."""
    axes = axes_of(study)
    found = next((axis for axis in axes if axis.key == key), None)
    return found or axes[min(fallback, len(axes) - 1)]


def layout_of(study: Study, axis: Axis) -> dict[str, object]:
    """Return the layout of an axis, logarithmic and named where it has to be.

    It has no range of its own: one that grew with the trials would undo the reader's zoom.
    """
    title = html.escape(axis.title)
    if axis.kind == OUTCOME:
        return quiet_axis(axis.title)
    parameter = next(each for each in study.parameters if each.name == axis.column[0])
    match parameter:
        case Categorical(choices=choices):
            names = [str(choice) for choice in choices]
            return quiet_axis(
                axis.title,
                type="category",
                categoryorder="array",
                categoryarray=names,
                tickvals=names,
                ticktext=[html.escape(name) for name in names],
            )
        case Continuous(log=True) | Integer(log=True):
            return quiet_axis(axis.title, type="log")
        case _:
            return quiet_axis(title)
