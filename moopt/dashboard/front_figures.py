"""Figures of the front with axes of the reader's choice: in the plane and in space."""

import html
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import plotly.graph_objects as go

from moopt.dashboard.axes import OUTCOME, Axis, layout_of
from moopt.dashboard.live import Snapshot
from moopt.dashboard.marks import IN_SPACE, Group, groups_of, hover_of
from moopt.reports.figures import blank_figure, error_bars, marker
from moopt.reports.front_plots import add_region, steps
from moopt.reports.points import REFERENCE_COLOR
from moopt.study.objectives import Objective
from moopt.study.trials import Trial

MOST_DRAWN = 5000
"""Trials of one kind in the plane; of more, the latest."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader chose to see."""

    axes: tuple[Axis, ...]
    _: KW_ONLY
    held_out: bool = False
    """Measurements on held-out data rather than those of the search."""

    hidden: frozenset[str] = frozenset()
    """Labels of groups that are left out."""

    height: int = 560

    groups: tuple[Group, ...] | None = None
    """What is drawn instead of all trials by what they are."""


def plane_figure(snapshot: Snapshot, look: Look) -> go.Figure:
    """Draw trials in the plane of two axes.

    Where only the horizontal place is known, as of a failed trial against a parameter, it is
    marked on the axis.
    """
    x, y = look.axes[:2]
    figure = blank_figure(height=look.height)
    if not look.held_out:
        _add_steps(figure, snapshot, (x, y))
    for group in visible(snapshot, look):
        placed = [t for t in group.trials if _has(t, x, look) and _has(t, y, look)]
        _add_points(figure, group, placed[-MOST_DRAWN:], look)
        _add_on_axis(
            figure, group, [t for t in group.trials if _has(t, x, look) and not _has(t, y, look)], x
        )
    _add_reference(figure, snapshot, (x, y))
    figure.update_xaxes(**layout_of(snapshot.study, x))
    figure.update_layout(
        yaxis=layout_of(snapshot.study, y),
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
        uirevision=f"{x.key} {y.key} {look.held_out}",
    )
    return figure


def space_figure(snapshot: Snapshot, look: Look) -> go.Figure:
    """Draw trials in the space of three axes."""
    figure = blank_figure(height=look.height)
    x, y, z = look.axes[:3]
    for group in visible(snapshot, look):
        placed = [t for t in group.trials if all(_has(t, axis, look) for axis in (x, y, z))]
        errors = {
            f"error_{name}": error_bars(
                [axis.error(t, held_out=look.held_out) for t in placed], group.ink.color
            )
            for name, axis in zip("xyz", (x, y, z), strict=True)
            if group.is_best
        }
        if placed:
            figure.add_scatter3d(
                x=_values(placed, x, look),
                y=_values(placed, y, look),
                z=_values(placed, z, look),
                **errors,
                mode="markers",
                name=f"{group.label} ({len(placed)})",
                marker={
                    "color": group.ink.color,
                    "symbol": IN_SPACE.get(group.ink.symbol, group.ink.symbol),
                    "size": 0.6 * group.ink.size,
                    "opacity": group.ink.opacity,
                },
                hovertext=[hover_of(trial) for trial in placed],
                hoverinfo="text",
                customdata=[trial.number for trial in placed],
            )
    scene = {
        f"{name}axis": {
            "title": {"text": html.escape(axis.title)},
            "type": layout_of(snapshot.study, axis).get("type", "-"),
            "backgroundcolor": "rgba(0,0,0,0)",
            "nticks": 6,
        }
        for name, axis in zip("xyz", (x, y, z), strict=True)
    }
    figure.update_layout(
        scene={**scene, "camera": {"eye": {"x": 1.6, "y": 1.6, "z": 0.9}}},
        margin={"l": 0, "r": 0, "t": 44, "b": 0},
        uirevision=f"{x.key} {y.key} {z.key} {look.held_out}",
    )
    return figure


def visible(snapshot: Snapshot, look: Look) -> list[Group]:
    """Return what is drawn, in the order of drawing."""
    groups = groups_of(snapshot) if look.groups is None else look.groups
    return [group for group in groups if group.label not in look.hidden]


def _has(trial: Trial, axis: Axis, look: Look) -> bool:
    return axis.value(trial, held_out=look.held_out) is not None


def _values(trials: Sequence[Trial], axis: Axis, look: Look) -> list[float | str]:
    found = [axis.value(trial, held_out=look.held_out) for trial in trials]
    return [value for value in found if value is not None]


def _add_points(figure: go.Figure, group: Group, placed: Sequence[Trial], look: Look) -> None:
    if not placed:
        return
    x, y = look.axes[:2]
    errors = [
        error_bars([axis.error(t, held_out=look.held_out) for t in placed], group.ink.color)
        if group.is_best
        else None
        for axis in (x, y)
    ]
    figure.add_scatter(
        x=_values(placed, x, look),
        y=_values(placed, y, look),
        error_x=errors[0],
        error_y=errors[1],
        mode="markers",
        name=f"{group.label} ({len(placed)})",
        legendgroup=group.label,
        marker=marker(group.ink),
        hovertext=[hover_of(trial) for trial in placed],
        hoverinfo="text",
        customdata=[trial.number for trial in placed],
    )


def _add_on_axis(figure: go.Figure, group: Group, placed: Sequence[Trial], x: Axis) -> None:
    """Mark trials of which only the horizontal place is known, on the lower edge."""
    if not placed or x.kind == OUTCOME:
        return
    figure.add_scatter(
        x=[x.value(trial) for trial in placed],
        y=[0.02] * len(placed),
        yaxis="y2",
        mode="markers",
        name=f"{group.label}, on the edge ({len(placed)})",
        marker=marker(group.ink),
        hovertext=[hover_of(trial) for trial in placed],
        hoverinfo="text",
        customdata=[trial.number for trial in placed],
    )


def _objectives(snapshot: Snapshot, axes: Sequence[Axis]) -> list[Objective]:
    """Return the objectives among the axes."""
    by_name = {objective.name: objective for objective in snapshot.study.objectives}
    return [by_name[a.name] for a in axes if a.kind == OUTCOME and a.name in by_name]


def _add_steps(figure: go.Figure, snapshot: Snapshot, axes: tuple[Axis, Axis]) -> None:
    """Add the region that the front dominates, where the axes are all the objectives there are."""
    pair = _objectives(snapshot, axes)
    if len(pair) != 2 or pair[0] == pair[1] or len(snapshot.study.objectives) != 2:
        return
    if any(objective.reference is None for objective in pair):
        return
    corners = steps(snapshot.points.front, (pair[0], pair[1]))
    if corners:
        add_region(figure, corners)


def _add_reference(figure: go.Figure, snapshot: Snapshot, axes: tuple[Axis, Axis]) -> None:
    """Add the reference point, where both axes are objectives."""
    pair = _objectives(snapshot, axes)
    if len(pair) != 2 or any(each.reference is None for each in pair):
        return
    given = ["inferred" if each.name in snapshot.inferred else "given" for each in pair]
    lines = [
        f"{each.name} {each.reference:g} ({how})" for each, how in zip(pair, given, strict=True)
    ]
    figure.add_scatter(
        x=[pair[0].reference],
        y=[pair[1].reference],
        mode="markers",
        marker={"symbol": "cross-thin", "size": 14, "line": {"width": 2, "color": REFERENCE_COLOR}},
        name="reference point",
        hovertext="<br>".join(["reference point", *lines]),
        hoverinfo="text",
    )
