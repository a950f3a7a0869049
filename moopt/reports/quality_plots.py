"""Figures and tables of how well the surrogates predict what they have not seen."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from moopt.reports.cards import Table
from moopt.reports.figures import error_bars, quiet_axis
from moopt.reports.formatting import ABSENT, number_text
from moopt.reports.panels import Panels
from moopt.reports.points import INKS, Role
from moopt.surrogates.left_out import WITHIN, LeftOut

MOST_POINTS = 300
"""In a panel: those that were predicted worst, and others evenly."""

MOST_NUMBERS = 4
OUTSIDE = "#d55e00"
PANEL = 290


def quality_figure(outcomes: Sequence[LeftOut]) -> go.Figure:
    """Draw predicted against measured, one panel an outcome; on the line they are equal."""
    panels = Panels.of(len(outcomes), columns=3, height=PANEL, legend=True)
    for index, outcome in enumerate(outcomes):
        place = panels.place(index)
        low = min(outcome.measured.min(), outcome.means.min())
        high = max(outcome.measured.max(), outcome.means.max())
        panels.figure.add_scatter(
            x=[float(low), float(high)],
            y=[float(low), float(high)],
            mode="lines",
            line={"color": INKS[Role.DOMINATED].color, "width": 1, "dash": "dash"},
            hoverinfo="skip",
            showlegend=False,
            **place,
        )
        for inside in (True, False):
            _add_points(panels.figure, outcome, place, inside=inside, legend=index == 0)
        panels.figure.update_xaxes(**quiet_axis(f"{outcome.name}, measured", nticks=5), **place)
        panels.figure.update_yaxes(**quiet_axis("predicted", nticks=5), **place)
    return panels.figure


def quality_table(outcomes: Sequence[LeftOut]) -> Table:
    """Return the figures by which predictions are judged, one outcome a row."""
    return Table(
        ("outcome", "trials", "rank correlation", "variance explained", "within 95 % interval"),
        [
            (
                each.name,
                len(each.measured),
                _share(each.rank_correlation),
                _share(each.explained),
                f"{each.coverage:.0%}",
            )
            for each in outcomes
        ],
    )


def _share(value: float) -> str:
    return ABSENT if math.isnan(value) else number_text(value, 2)


def _add_points(
    figure: go.Figure, outcome: LeftOut, place: dict[str, int], *, inside: bool, legend: bool
) -> None:
    rows = [row for row in _shown(outcome) if bool(outcome.covered[row]) is inside]
    if not rows:
        return
    color = INKS[Role.FRONT].color if inside else OUTSIDE
    name = "measured within the interval" if inside else "measured outside of it"
    figure.add_scatter(
        x=[float(outcome.measured[row]) for row in rows],
        y=[float(outcome.means[row]) for row in rows],
        error_y=error_bars([WITHIN * float(outcome.deviations[row]) for row in rows], color),
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        marker={"color": color, "size": 6, "symbol": "circle" if inside else "x"},
        hovertext=[_hover(outcome, row) for row in rows],
        hoverinfo="text",
        **place,
    )


def _shown(outcome: LeftOut) -> list[int]:
    """Return the rows that are drawn."""
    count = len(outcome.measured)
    if count <= MOST_POINTS:
        return list(range(count))
    misses = abs(outcome.measured - outcome.means) / outcome.deviations
    worst = set((-misses).argsort()[: MOST_POINTS // 3].tolist())
    step = count / (MOST_POINTS - len(worst))
    return sorted(worst | {int(step * k) for k in range(MOST_POINTS - len(worst))})


def _hover(outcome: LeftOut, row: int) -> str:
    numbers = ", ".join(map(str, outcome.numbers[row][:MOST_NUMBERS]))
    measured = float(outcome.measured[row])
    mean, deviation = float(outcome.means[row]), float(outcome.deviations[row])
    return (
        f"<b>trial {numbers}</b><br>{html.escape(outcome.name)} measured {measured:.5g}<br>"
        f"predicted without it {mean:.5g} ± {deviation:.2g}"
    )
