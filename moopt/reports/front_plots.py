"""Figures of the front: two objectives in the plane, three in space and in pairs, more as lines."""

from collections.abc import Sequence
from itertools import combinations

import plotly.graph_objects as go

from moopt.reports.figures import (
    blank_figure,
    error_bars,
    marker,
    needs_width,
    objective_title,
    quiet_axis,
    short_title,
)
from moopt.reports.formatting import decimals_for, number_text
from moopt.reports.points import (
    INKS,
    REFERENCE_COLOR,
    Points,
    Role,
    errors,
    hover_text,
    limits,
    means,
)
from moopt.study.objectives import Objective
from moopt.study.trials import Trial

STEPS_COLOR = "rgba(43,127,195,0.55)"
DOMINATED_COLOR = "rgba(43,127,195,0.09)"


def plane_figure(points: Points) -> go.Figure:
    """Draw two objectives: the front as a staircase above its reference point."""
    x, y = points.study.objectives
    figure = blank_figure(height=520)
    _add_steps(figure, points)
    for role in Role:
        _add_pair(figure, points, role, (x, y), cell=None)
    figure.update_xaxes(
        **quiet_axis(objective_title(x), range=limits(points.study, points.all, x.name))
    )
    figure.update_yaxes(
        **quiet_axis(objective_title(y), range=limits(points.study, points.all, y.name))
    )
    return figure


def space_figure(points: Points) -> go.Figure:
    """Draw three objectives in space."""
    figure = blank_figure(height=600)
    names = [objective.name for objective in points.study.objectives]
    for role, trials in points.roles.items():
        if trials:
            ink = INKS[role]
            x, y, z = (means(trials, name) for name in names)
            figure.add_scatter3d(
                x=x,
                y=y,
                z=z,
                mode="markers",
                name=role.value,
                marker={
                    "color": ink.color,
                    "symbol": "x" if ink.symbol.endswith("open") else ink.symbol,
                    "size": 0.6 * ink.size,
                    "opacity": ink.opacity,
                },
                hovertext=[hover_text(trial) for trial in trials],
                hoverinfo="text",
            )
    axes = {
        f"{axis}axis": {
            "title": {"text": short_title(objective)},
            "backgroundcolor": "rgba(0,0,0,0)",
            "nticks": 6,
        }
        for axis, objective in zip("xyz", points.study.objectives, strict=True)
    }
    figure.update_layout(
        scene={**axes, "camera": {"eye": {"x": 1.7, "y": 1.7, "z": 0.8}}},
        margin={"l": 0, "r": 0, "t": 36, "b": 0},
    )
    return figure


def pairs_figure(points: Points) -> go.Figure:
    """Draw every pair of three objectives side by side."""
    pairs = list(combinations(points.study.objectives, 2))
    figure = blank_figure(height=330, legend=False)
    figure.set_subplots(rows=1, cols=len(pairs), horizontal_spacing=0.09)
    needs_width(figure, 230 * len(pairs))
    for column, (x, y) in enumerate(pairs, start=1):
        for role in Role:
            _add_pair(figure, points, role, (x, y), cell=column)
        figure.update_xaxes(**quiet_axis(short_title(x), nticks=5), row=1, col=column)
        figure.update_yaxes(**quiet_axis(short_title(y), nticks=5), row=1, col=column)
    return figure


def lines_figure(points: Points) -> go.Figure:
    """Draw any number of objectives as parallel coordinates: a line a trial, up is better."""
    objectives = points.study.objectives
    figure = blank_figure(height=480)
    needs_width(figure, 110 * len(objectives))
    scales = [_Scale(objective, points.all) for objective in objectives]
    for role, trials in points.roles.items():
        ink = INKS[role]
        for index, trial in enumerate(trials):
            figure.add_scatter(
                x=list(range(len(objectives))),
                y=[scale.height(trial) for scale in scales],
                mode="lines+markers" if role in {Role.FRONT, Role.KNEE} else "lines",
                line={
                    "color": ink.color,
                    "width": {Role.KNEE: 3.0, Role.FRONT: 1.6}.get(role, 1.0),
                    "dash": "dot" if role is Role.INFEASIBLE else "solid",
                },
                marker=marker(ink, size=0.7 * ink.size),
                opacity=1.0 if role is Role.KNEE else 0.8 if role is Role.FRONT else 0.25,
                name=role.value,
                legendgroup=role.value,
                showlegend=index == 0,
                hovertext=hover_text(trial),
                hoverinfo="text",
            )
    add_parallel_axes(
        figure,
        titles=[f"<b>{objective.name}</b>" for objective in objectives],
        ends=[(scale.best_text, scale.worst_text) for scale in scales],
    )
    return figure


def add_parallel_axes(
    figure: go.Figure, *, titles: Sequence[str], ends: Sequence[tuple[str, str]]
) -> None:
    """Add the axes of parallel coordinates, which run from 0, the worst value, to 1, the best.

    Args:
        figure: Its lines have the numbers of the axes as horizontal places.
        titles: Of the axes; Plotly reads markup in them.
        ends: What stands above and below each of them: the best value and the worst.
    """
    for place, (best, worst) in enumerate(ends):
        for height, text in ((1.05, best), (-0.05, worst)):
            figure.add_annotation(
                x=place,
                y=height,
                text=text,
                showarrow=False,
                yanchor="bottom" if height > 0 else "top",
            )
    figure.update_xaxes(
        **quiet_axis(
            tickvals=list(range(len(titles))),
            ticktext=list(titles),
            range=[-0.4, len(titles) - 0.6],
        )
    )
    figure.update_yaxes(
        **quiet_axis("better →", showgrid=False, showticklabels=False, range=[-0.16, 1.16])
    )


class _Scale:
    """One objective of the parallel coordinates: 0 is the worst value shown, 1 the best."""

    def __init__(self, objective: Objective, trials: Sequence[Trial]) -> None:
        self._name = objective.name
        signed = [objective.direction.sign * value for value in means(trials, objective.name)]
        self._worst = objective.direction.sign * min(signed)
        self._best = objective.direction.sign * max(signed)
        decimals = decimals_for(trial.measurements[objective.name] for trial in trials)
        self.best_text = number_text(self._best, decimals)
        self.worst_text = number_text(self._worst, decimals)

    def height(self, trial: Trial) -> float:
        """Return how far up the axis a trial is."""
        span = self._best - self._worst
        mean = trial.measurements[self._name].mean
        return (mean - self._worst) / span if span else 0.5


def _add_pair(
    figure: go.Figure,
    points: Points,
    role: Role,
    pair: tuple[Objective, Objective],
    *,
    cell: int | None,
) -> None:
    """Add the trials of one role in the plane of two objectives."""
    trials = points.roles[role]
    if not trials:
        return
    ink = INKS[role]
    x, y = pair
    with_errors = role in {Role.FRONT, Role.KNEE} and cell is None
    figure.add_scatter(
        x=means(trials, x.name),
        y=means(trials, y.name),
        error_x=error_bars(errors(trials, x.name), ink.color) if with_errors else None,
        error_y=error_bars(errors(trials, y.name), ink.color) if with_errors else None,
        mode="markers",
        name=role.value,
        legendgroup=role.value,
        showlegend=cell in {None, 1},
        marker=marker(ink, size=ink.size if cell is None else 0.75 * ink.size),
        hovertext=[hover_text(trial) for trial in trials],
        hoverinfo="text",
        row=None if cell is None else 1,
        col=cell,
    )


def _add_steps(figure: go.Figure, points: Points) -> None:
    """Add the region that the front dominates, and the reference point where it starts."""
    x, y = points.study.objectives
    if x.reference is None or y.reference is None:
        return
    corners = steps(points.front, (x, y))
    if corners:
        add_region(figure, corners)
    figure.add_scatter(
        x=[x.reference],
        y=[y.reference],
        mode="markers",
        marker={"symbol": "cross-thin", "size": 14, "line": {"width": 2, "color": REFERENCE_COLOR}},
        name="reference point",
        hovertext=f"reference point<br>{x.name} {x.reference:g}<br>{y.name} {y.reference:g}",
        hoverinfo="text",
    )


def add_region(figure: go.Figure, corners: Sequence[tuple[float, float]]) -> None:
    """Add the region that a front dominates, by its corners."""
    figure.add_scatter(
        x=[corner[0] for corner in corners],
        y=[corner[1] for corner in corners],
        mode="lines",
        line={"color": STEPS_COLOR, "width": 1.2},
        fill="toself",
        fillcolor=DOMINATED_COLOR,
        hoverinfo="skip",
        name="dominated region",
    )


def steps(front: Sequence[Trial], pair: tuple[Objective, Objective]) -> list[tuple[float, float]]:
    """Return the corners of the region between a front and the reference point, a closed line.

    Trials that do not exceed the reference point add nothing.
    """
    x, y = pair
    sign_x, sign_y = x.direction.sign, y.direction.sign
    origin = (sign_x * (x.reference or 0.0), sign_y * (y.reference or 0.0))
    above = sorted(
        (sign_x * trial.measurements[x.name].mean, sign_y * trial.measurements[y.name].mean)
        for trial in front
    )
    above = [point for point in above if point[0] > origin[0] and point[1] > origin[1]]
    if not above:
        return []
    corners = [origin]
    left = origin[0]
    for right, height in above:
        corners += [(left, height), (right, height)]
        left = right
    corners += [(left, origin[1]), origin]
    return [(sign_x * one, sign_y * two) for one, two in corners]
