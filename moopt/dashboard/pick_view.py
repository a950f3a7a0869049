"""What a choice looks like: the chosen trial in the figure, and beside its neighbours."""

from collections.abc import Sequence

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from moopt.dashboard.axes import OUTCOME, PARAMETER, Axis, axes_of
from moopt.dashboard.front_figures import Look, plane_figure
from moopt.dashboard.live import Snapshot
from moopt.dashboard.many_figures import lines_figure
from moopt.dashboard.marks import CHOSEN, FRONT, NEIGHBOUR, OUTSIDE, PICKED, Group
from moopt.dashboard.picking import Choice
from moopt.dashboard.views import empty_figure, message, table
from moopt.reports.formatting import decimals_for, measurement_text, value_text
from moopt.reports.tables import outcome_names, outcome_title, parameter_columns, parameter_value
from moopt.study.trials import Trial


def pick_figure(snapshot: Snapshot, choice: Choice) -> go.Figure:
    """Draw the front with the chosen trial and its neighbours."""
    if not snapshot.front.trials:
        return empty_figure(choice.problem)
    axes = [axis for axis in axes_of(snapshot.study) if axis.kind == OUTCOME]
    objectives = tuple(axes[: len(snapshot.study.objectives)])
    look = Look(
        objectives if len(objectives) > 1 else (_across(snapshot), objectives[0]),
        height=420,
        groups=tuple(_groups(snapshot, choice)),
    )
    return plane_figure(snapshot, look) if len(look.axes) == 2 else lines_figure(snapshot, look)


def _across(snapshot: Snapshot) -> Axis:
    """Return the axis beside the only objective: what every trial has a number or a name of."""
    conditional = {each.name for each in snapshot.study.parameters if each.when is not None}
    axes = axes_of(snapshot.study)
    always = [each for each in axes if each.kind == PARAMETER and each.column[0] not in conditional]
    return always[-1] if always else axes[-1]


def choice_view(snapshot: Snapshot, choice: Choice) -> Sequence[Component]:
    """Return the chosen trial in words and numbers, its neighbours beside it."""
    if choice.trial is None:
        return [message(choice.problem, kind="problem")]
    columns = [f"trial {choice.trial.number}", *(f"trial {t.number}" for t in choice.neighbours)]
    trials = [choice.trial, *choice.neighbours]
    return [
        html.H2(f"Trial {choice.trial.number}"),
        html.P("Beside it are its neighbours on the front, the nearest first.", className="quiet"),
        table(["outcome", *columns], _outcomes(snapshot, trials), caption="what was measured"),
        table(["parameter", *columns], _parameters(snapshot, trials), caption="what was tried"),
    ]


def _groups(snapshot: Snapshot, choice: Choice) -> list[Group]:
    """Return the trials of the front by what they are to the choice."""
    chosen = [] if choice.trial is None else [choice.trial]
    special = {trial.number for trial in [*chosen, *choice.neighbours, *choice.outside]}
    outside = [trial for trial in choice.outside if trial not in chosen]
    found: dict[str, Sequence[Trial]] = {
        OUTSIDE: outside,
        FRONT: [trial for trial in snapshot.front.trials if trial.number not in special],
        NEIGHBOUR: [trial for trial in choice.neighbours if trial not in outside],
        CHOSEN: chosen,
    }
    return [Group(label, ink, found[label]) for label, ink in PICKED.items() if found[label]]


def _outcomes(snapshot: Snapshot, trials: Sequence[Trial]) -> list[list[str]]:
    rows = []
    for name in outcome_names(snapshot.study):
        title = outcome_title(snapshot.study, name)
        for label, measured in (
            (title, [trial.measurements.get(name) for trial in trials]),
            (f"{title}, held out", [trial.held_out.get(name) for trial in trials]),
        ):
            decimals = decimals_for(each for each in measured if each is not None)
            if any(measured) or label == title:
                rows.append([label, *(measurement_text(each, decimals) for each in measured)])
    return rows


def _parameters(snapshot: Snapshot, trials: Sequence[Trial]) -> list[list[str]]:
    return [
        [".".join(column), *(value_text(parameter_value(trial, column)) for trial in trials)]
        for column in parameter_columns(snapshot.study)
    ]
