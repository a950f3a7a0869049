"""Figures of a comparison: hypervolume with its spread, and what shares of the runs attain."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from moopt.front.attainment import attainment_surfaces
from moopt.reports.best import has_one_objective
from moopt.reports.cards import Table
from moopt.reports.comparison import QUARTILES, Comparison, quartiles
from moopt.reports.figures import blank_figure, objective_title, quiet_axis
from moopt.reports.formatting import ABSENT, number_text
from moopt.reports.growth_plots import time_unit
from moopt.study.study import Study

# The colours of Okabe and Ito (2008) that stand out on light and on dark grounds; dashes tell the
# groups apart where colours do not.
COLORS = ("#2b7fc3", "#d55e00", "#0b9b74", "#b3668f", "#c08a00", "#5b8fa8", "#8a929b")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
FAINT = 0.16
TIMES = 200
MOST_PLACES = 400
ENOUGH_FOR_A_BAND = 3


def trials_figure(comparison: Comparison) -> go.Figure:
    """Draw the hypervolume of each group over trials: median, and quartiles of many runs."""
    figure = _blank(comparison.study)
    for index, group in enumerate(comparison.groups):
        traces = group.traces()
        places = _places(traces.shape[1])
        add_traces(figure, index, group.name, (places + 1).astype(float), traces[:, places])
    figure.update_xaxes(**quiet_axis("trials that ended", rangemode="tozero"))
    return figure


def times_figure(comparison: Comparison) -> go.Figure | None:
    """Draw the hypervolume of each group over time; None where a run has no times."""
    ends = [group.seconds for group in comparison.groups]
    if np.isnan(ends).any():
        return None
    figure = _blank(comparison.study)
    unit, name = time_unit(max(ends))
    for index, (group, end) in enumerate(zip(comparison.groups, ends, strict=True)):
        seconds = np.linspace(0.0, end, TIMES)
        add_traces(figure, index, group.name, seconds / unit, group.traces_at(seconds))
    title = f"{name} since the first trial of a run began"
    figure.update_xaxes(**quiet_axis(title, rangemode="tozero"))
    return figure


def attainment_figure(comparison: Comparison) -> go.Figure | None:
    """Draw what a quarter, half and three quarters of the runs attain, of two objectives."""
    if len(comparison.study.objectives) != 2:
        return None
    figure = blank_figure(height=520)
    x, y = comparison.study.objectives
    signs = np.array([x.direction.sign, y.direction.sign])
    reference = signs * np.array([x.reference or 0.0, y.reference or 0.0])
    for index, group in enumerate(comparison.groups):
        runs = [front for front in group.fronts if len(front)]
        if not runs:
            continue
        levels = QUARTILES if len(group.fronts) >= ENOUGH_FOR_A_BAND else (0.5,)
        surfaces = attainment_surfaces(group.fronts, levels)
        for level, points in surfaces.items():
            corners = _staircase(points, reference) * signs
            if len(corners) == 0:
                continue
            is_median = level == 0.5
            color = COLORS[index % len(COLORS)]
            figure.add_scatter(
                x=corners[:, 0].tolist(),
                y=corners[:, 1].tolist(),
                mode="lines",
                name=html.escape(group.name),
                legendgroup=group.name,
                showlegend=is_median,
                opacity=1.0 if is_median else 0.45,
                line={
                    "color": color,
                    "width": 2.2 if is_median else 1.2,
                    "dash": DASHES[index % len(DASHES)],
                },
                hovertext=f"{html.escape(group.name)}: attained by {level:.0%} of the runs",
                hoverinfo="text",
            )
    figure.update_xaxes(**quiet_axis(objective_title(x)))
    figure.update_yaxes(**quiet_axis(objective_title(y)))
    return figure


def final_table(comparison: Comparison) -> Table:
    """Return what each group came to in the end, and after equally many trials."""
    common = comparison.trials
    rows: list[list[str | float | None]] = []
    for group in comparison.groups:
        ends = group.after(group.trials)
        lower, median, upper = quartiles(ends[:, None])[:, 0]
        equal = float(np.median(group.after(common)))
        wins = comparison.wins(group)
        rows.append(
            [
                group.name,
                len(group.growths),
                group.trials,
                f"{median:.5g}",
                f"{lower:.5g} to {upper:.5g}",
                f"{equal:.5g}",
                ABSENT if np.isnan(wins) else f"{number_text(100 * wins, 0)}\u00a0%",
            ]
        )
    title = "gain" if has_one_objective(comparison.study) else "hypervolume"
    columns = ["group", "runs", "trials", f"median {title}", "quartiles"]
    return Table([*columns, f"median after {common}", "beats others"], rows)


def _blank(study: Study) -> go.Figure:
    figure = blank_figure(height=420)
    name = "gain over the reference" if has_one_objective(study) else "hypervolume"
    figure.update_yaxes(**quiet_axis(name, rangemode="tozero"))
    return figure


def add_traces(
    figure: go.Figure,
    index: int,
    name: str,
    places: Float[np.ndarray, " n"],
    traces: Float[np.ndarray, "r n"],
) -> None:
    """Add the traces of runs that differ by chance: the median, and quartiles of three or more.

    Args:
        figure: Where to draw.
        index: Of the group, which gives it its colour and dashes.
        name: Of the group.
        places: Horizontal places.
        traces: One row for each run.
    """
    color = COLORS[index % len(COLORS)]
    lower, median, upper = quartiles(traces)
    common = {"x": places.tolist(), "mode": "lines", "legendgroup": name}
    if len(traces) >= ENOUGH_FOR_A_BAND:
        edge = {"shape": "hv", "width": 0, "color": color}
        for values, fill in ((lower, None), (upper, "tonexty")):
            figure.add_scatter(
                y=values.tolist(),
                line=edge,
                fill=fill,
                fillcolor=_faint(color),
                hoverinfo="skip",
                showlegend=False,
                **common,
            )
    count = f", {len(traces)} runs" if len(traces) > 1 else ""
    figure.add_scatter(
        y=median.tolist(),
        line={"shape": "hv", "color": color, "width": 2.2, "dash": DASHES[index % len(DASHES)]},
        name=f"{html.escape(name)}{count}",
        hovertemplate=f"{html.escape(name)}: %{{y:.5g}}<extra></extra>",
        **common,
    )


def _places(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the trials after which the traces are drawn."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, MOST_PLACES)).astype(np.int64))


def _staircase(
    points: Float[np.ndarray, "n 2"], reference: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, "c 2"]:
    """Return the edge of what points dominate, from the one side of the reference to the other."""
    above = points[(points > reference).all(axis=1)]
    if len(above) == 0:
        return np.empty((0, 2))
    above = above[np.argsort(above[:, 0])]
    corners: list[Sequence[float]] = [(float(reference[0]), float(above[0, 1]))]
    for row, (right, height) in enumerate(above.tolist()):
        corners.append((right, height))
        below = float(above[row + 1, 1]) if row + 1 < len(above) else float(reference[1])
        corners.append((right, below))
    return np.array(corners)


def _faint(color: str) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{FAINT})"
