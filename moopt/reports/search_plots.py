"""Figures of the search: what the parameters did, and whether the front holds up."""

import html
import math
from collections.abc import Sequence
from typing import assert_never

import plotly.graph_objects as go

from moopt.reports.figures import (
    blank_figure,
    error_bars,
    marker,
    needs_width,
    quiet_axis,
    short_title,
)
from moopt.reports.formatting import shortened
from moopt.reports.points import (
    HELD_OUT_INK,
    INKS,
    Ink,
    Points,
    Role,
    limits,
    means,
    spans_decades,
)
from moopt.reports.tables import parameter_columns, parameter_value
from moopt.study.objectives import Objective
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial

COLUMNS = 5
"""Parameters side by side in one figure."""

MOST_PARAMETERS = 40
PANEL, LONE_PANEL = 150, 240
"""Height for each objective of several, and of one alone."""


def held_out_figure(points: Points) -> go.Figure | None:
    """Draw the front on the search's data and on held-out data; None where it has only one."""
    front = [trial for trial in reversed(points.front) if trial.held_out]
    if not front:
        return None
    objectives = points.study.objectives
    columns = min(len(objectives), 3)
    rows = math.ceil(len(objectives) / columns)
    panel = 90 + 20 * len(front)
    figure = blank_figure(height=80 + rows * panel)
    figure.set_subplots(
        rows=rows,
        cols=columns,
        horizontal_spacing=0.07,
        vertical_spacing=min(0.5 / rows, 70 / (rows * panel)),
    )
    needs_width(figure, 220 * columns)
    names = [f"trial {trial.number}" for trial in front]
    for index, objective in enumerate(objectives):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        search = [trial.measurements[objective.name] for trial in front]
        again = [trial.held_out.get(objective.name) for trial in front]
        _add_links(figure, names, search, again, place)
        first = index == 0
        _add_dots(figure, names, search, ("search", INKS[Role.FRONT]), place, legend=first)
        _add_dots(figure, names, again, ("held out", HELD_OUT_INK), place, legend=first)
        figure.update_xaxes(**quiet_axis(short_title(objective), nticks=5), **place)
        figure.update_yaxes(
            **quiet_axis(
                showgrid=False, showticklabels=place["col"] == 1, type="category", dtick=1
            ),
            **place,
        )
    return figure


def parameter_figures(points: Points) -> list[go.Figure]:
    """Draw each objective against each parameter, a few parameters a figure."""
    columns = parameter_columns(points.study)[:MOST_PARAMETERS]
    return [
        _parameter_grid(points, columns[start : start + COLUMNS])
        for start in range(0, len(columns), COLUMNS)
    ]


def _parameter_grid(points: Points, columns: Sequence[tuple[str, ...]]) -> go.Figure:
    objectives = points.study.objectives
    panel = LONE_PANEL if len(objectives) == 1 else PANEL
    figure = blank_figure(height=90 + panel * len(objectives), legend=False)
    # Every grid has the same number of columns, so that the last one is drawn to the same scale.
    figure.set_subplots(
        rows=len(objectives),
        cols=COLUMNS,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.02,
        vertical_spacing=0.12 / len(objectives),
    )
    needs_width(figure, 140 * COLUMNS)
    for row, objective in enumerate(objectives, start=1):
        scale: dict[str, object] = {"range": limits(points.study, points.all, objective.name)}
        if spans_decades(points):
            scale = {"type": "log"}
        for column, name in enumerate(columns, start=1):
            for role, trials in points.roles.items():
                place = {"row": row, "col": column}
                _add_cell(figure, points.study, (role, trials), (name, objective), place)
            axis = quiet_axis(
                ".".join(name) if row == len(objectives) else "", **_axis_kind(points.study, name)
            )
            figure.update_xaxes(**axis, row=row, col=column)
            title = objective.name if column == 1 else ""
            figure.update_yaxes(**quiet_axis(title, nticks=5, **scale), row=row, col=column)
    return figure


def _add_cell(
    figure: go.Figure,
    study: Study,
    group: tuple[Role, Sequence[Trial]],
    axes: tuple[tuple[str, ...], Objective],
    place: dict[str, int],
) -> None:
    role, trials = group
    name, objective = axes
    shown = [trial for trial in trials if parameter_value(trial, name) is not None]
    if shown:
        values = [parameter_value(trial, name) for trial in shown]
        parameter = next(each for each in study.parameters if each.name == name[0])
        is_named = isinstance(parameter, Categorical)
        figure.add_scatter(
            x=[str(each) if is_named else each for each in values],
            y=means(shown, objective.name),
            mode="markers",
            name=role.value,
            marker=marker(INKS[role], size=0.65 * INKS[role].size),
            hovertext=[f"trial {trial.number}" for trial in shown],
            hoverinfo="text",
            **place,
        )


def _axis_kind(study: Study, name: tuple[str, ...]) -> dict[str, object]:
    parameter = next(each for each in study.parameters if each.name == name[0])
    match parameter:
        case Continuous(log=True) | Integer(log=True):
            room = 0.05 * math.log10(parameter.high / parameter.low)
            low, high = math.log10(parameter.low) - room, math.log10(parameter.high) + room
            decades = high - low
            dtick = math.log10(2) if decades < 1.5 else max(1, round(decades / 3))
            return {"type": "log", "range": (low, high), "dtick": dtick}
        case Continuous() | Integer():
            room = 0.05 * (parameter.high - parameter.low)
            return {"nticks": 4, "range": (parameter.low - room, parameter.high + room)}
        case Simplex():
            return {"nticks": 4, "range": (-0.05, 1.05)}
        case Categorical(choices=choices):
            names = [str(choice) for choice in choices]
            return {
                "type": "category",
                "range": (-0.5, len(names) - 0.5),
                "categoryorder": "array",
                "categoryarray": names,
                "tickvals": names,
                "ticktext": [html.escape(shortened(name, 12)) for name in names],
            }
        case never:
            assert_never(never)


def _add_dots(
    figure: go.Figure,
    names: Sequence[str],
    measurements: Sequence[Measurement | None],
    label: tuple[str, Ink],
    place: dict[str, int],
    *,
    legend: bool,
) -> None:
    name, ink = label
    shown = [(one, two) for one, two in zip(names, measurements, strict=True) if two is not None]
    figure.add_scatter(
        x=[each.mean for _, each in shown],
        y=[each for each, _ in shown],
        error_x=error_bars([each.sem or 0.0 for _, each in shown], ink.color),
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        marker=marker(ink),
        hovertemplate=f"%{{y}}, {name}: %{{x:.6g}}<extra></extra>",
        **place,
    )


def _add_links(
    figure: go.Figure,
    names: Sequence[str],
    search: Sequence[Measurement],
    again: Sequence[Measurement | None],
    place: dict[str, int],
) -> None:
    x: list[float | None] = []
    y: list[str | None] = []
    for name, one, two in zip(names, search, again, strict=True):
        if two is not None:
            x += [one.mean, two.mean, None]
            y += [name, name, None]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": INKS[Role.DOMINATED].color, "width": 1},
        hoverinfo="skip",
        showlegend=False,
        **place,
    )
