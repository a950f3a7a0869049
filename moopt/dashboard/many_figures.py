"""Figures for more objectives than space has dimensions: parallel coordinates, a scatter matrix."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from moopt.dashboard.axes import OUTCOME, Axis
from moopt.dashboard.front_figures import Look, visible
from moopt.dashboard.live import Snapshot
from moopt.dashboard.marks import CHOSEN, IN_SPACE, KNEE, Group, hover_of
from moopt.reports.figures import blank_figure, marker, quiet_axis
from moopt.reports.formatting import number_text
from moopt.reports.front_plots import add_parallel_axes
from moopt.study.objectives import Direction
from moopt.study.study import Study
from moopt.study.trials import Trial

MOST_LINES = 600
"""Lines of one kind; of more trials the latest are drawn. More lines make a grey area."""


def lines_figure(snapshot: Snapshot, look: Look) -> go.Figure:
    """Draw parallel coordinates: a line a trial, on every axis the best value is on top."""
    figure = blank_figure(height=look.height)
    groups = _complete(snapshot, look)
    everything = [trial for group in groups for trial in group.trials]
    scales = [_Scale(snapshot, axis, everything, held_out=look.held_out) for axis in look.axes]
    for group in groups:
        drawn = group.trials[-MOST_LINES:]
        # One trace with gaps: a trace for each of thousands of trials takes a browser minutes.
        x: list[int | None] = []
        y: list[float | None] = []
        text: list[str] = []
        numbers: list[int] = []
        for trial in drawn:
            x += [*range(len(scales)), None]
            y += [*(scale.height(trial) for scale in scales), None]
            text += [hover_of(trial)] * (len(scales) + 1)
            numbers += [trial.number] * (len(scales) + 1)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers" if group.is_best else "lines",
            line={
                "color": group.ink.color,
                "width": 3.0 if group.label in {KNEE, CHOSEN} else 1.6 if group.is_best else 1.0,
                "dash": "solid" if group.is_best else "dot",
            },
            marker=marker(group.ink, size=0.7 * group.ink.size),
            opacity=1.0 if group.label in {KNEE, CHOSEN} else 0.75 if group.is_best else 0.3,
            name=f"{group.label} ({len(drawn)} of {len(group.trials)})"
            if len(drawn) < len(group.trials)
            else f"{group.label} ({len(drawn)})",
            hovertext=text,
            hoverinfo="text",
            customdata=numbers,
        )
    add_parallel_axes(
        figure,
        titles=[html.escape(axis.title) for axis in look.axes],
        ends=[(scale.best_text, scale.worst_text) for scale in scales],
    )
    figure.update_layout(uirevision=f"lines {look.held_out}")
    return figure


def matrix_figure(snapshot: Snapshot, look: Look) -> go.Figure:
    """Draw every pair of the axes."""
    size = len(look.axes)
    figure = blank_figure(height=max(look.height, 110 * size))
    for group in _complete(snapshot, look):
        figure.add_splom(
            dimensions=[
                {
                    "label": html.escape(axis.title),
                    "values": [axis.value(t, held_out=look.held_out) for t in group.trials],
                }
                for axis in look.axes
            ],
            showupperhalf=False,
            diagonal={"visible": False},
            name=f"{group.label} ({len(group.trials)})",
            marker={
                "color": group.ink.color,
                "symbol": IN_SPACE.get(group.ink.symbol, group.ink.symbol),
                "size": 0.7 * group.ink.size,
                "opacity": group.ink.opacity,
            },
            text=[hover_of(trial) for trial in group.trials],
            hoverinfo="text",
            customdata=[trial.number for trial in group.trials],
        )
    for place in range(1, size + 1):
        suffix = "" if place == 1 else str(place)
        figure.update_layout(
            {
                f"xaxis{suffix}": quiet_axis(nticks=4),
                f"yaxis{suffix}": quiet_axis(nticks=4),
            }
        )
    figure.update_layout(uirevision=f"matrix {look.held_out}")
    return figure


def _complete(snapshot: Snapshot, look: Look) -> list[Group]:
    """Return the visible groups with those trials that have a number on every axis."""
    found = []
    for group in visible(snapshot, look):
        trials = [
            trial
            for trial in group.trials
            if all(axis.value(trial, held_out=look.held_out) is not None for axis in look.axes)
        ]
        if trials:
            found.append(Group(group.label, group.ink, trials))
    return found


def _is_less_better(study: Study, name: str) -> bool:
    """Say whether less of an outcome is better: by its direction, else by what limits it."""
    for objective in study.objectives:
        if objective.name == name:
            return objective.direction is Direction.MINIMIZE
    limits = [each for each in study.outcome_constraints if each.name == name]
    is_above = any(each.at_least is not None for each in limits)
    return not is_above and any(each.at_most is not None for each in limits)


class _Scale:
    """One axis of the parallel coordinates: 0 is the worst value shown, 1 the best."""

    def __init__(
        self, snapshot: Snapshot, axis: Axis, trials: Sequence[Trial], *, held_out: bool
    ) -> None:
        self._axis = axis
        self._held_out = held_out
        is_minimized = axis.kind == OUTCOME and _is_less_better(snapshot.study, axis.name)
        values = [self._value(trial) for trial in trials] or [0.0]
        low, high = min(values), max(values)
        self._worst, self._best = (high, low) if is_minimized else (low, high)
        decimals = 4 if high - low < 1 else 2
        self.best_text = number_text(self._best, decimals)
        self.worst_text = number_text(self._worst, decimals)

    def height(self, trial: Trial) -> float:
        """Return how far up the axis a trial is."""
        span = self._best - self._worst
        return (self._value(trial) - self._worst) / span if span else 0.5

    def _value(self, trial: Trial) -> float:
        value = self._axis.value(trial, held_out=self._held_out)
        return float(value or 0.0)
