"""What all figures have in common: ground, grid, axes and legend.

Grounds are transparent and text has no colour of its own: the page sets both, for light and dark.
"""

import html
import json
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from moopt.reports.points import Ink
from moopt.reports.tables import ARROWS
from moopt.study.objectives import Direction, Objective

FONT = "system-ui, -apple-system, 'Segoe UI', Inter, Roboto, 'Helvetica Neue', sans-serif"

DIGITS = 7
"""Of a number in a figure: a screen is some thousand pixels wide."""


def blank_figure(*, height: int, legend: bool = True) -> go.Figure:
    """Return a figure with the common layout and nothing in it."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13},
        margin={"l": 72, "r": 24, "t": 44 if legend else 20, "b": 60},
        modebar={"bgcolor": "rgba(0,0,0,0)"},
        hoverlabel={"align": "left", "font": {"family": FONT, "size": 12}},
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "itemsizing": "constant",
        },
    )
    return figure


def needs_width(figure: go.Figure, width: int) -> None:
    """Note below how many pixels a figure is better scrolled than squeezed, for who shows it."""
    figure.update_layout(meta={"least_width": width})


def figure_json(figure: go.Figure) -> str:
    """Return a figure as JSON, with as many digits as a screen can show."""
    return json.dumps(_shortened(json.loads(figure.to_json())), separators=(",", ":"))


def _shortened(value: object) -> object:
    match value:
        case float():
            return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
        case list():
            return [_shortened(each) for each in value]
        case dict():
            return {name: _shortened(each) for name, each in value.items()}
        case _:
            return value


def quiet_axis(title: str = "", **options: object) -> dict[str, object]:
    """Return an axis with a light grid and no zero line."""
    return {
        "title": {"text": html.escape(title), "standoff": 12},
        "showline": False,
        "zeroline": False,
        "showgrid": True,
        "ticks": "",
        "automargin": True,
        "nticks": 7,
        **options,
    }


def short_title(objective: Objective) -> str:
    """Return the name of an objective with an arrow towards what is better."""
    return f"{objective.name} {ARROWS[objective.direction]}"


def objective_title(objective: Objective) -> str:
    """Return the name of an objective and which way is better."""
    better = "larger" if objective.direction is Direction.MAXIMIZE else "smaller"
    return f"{objective.name} ({better} is better)"


def marker(ink: Ink, *, size: float | None = None) -> dict[str, object]:
    """Return a Plotly marker."""
    return {
        "color": ink.color,
        "symbol": ink.symbol,
        "size": ink.size if size is None else size,
        "opacity": ink.opacity,
        "line": {"width": 1.4 if ink.symbol.endswith("open") else 0, "color": ink.color},
    }


def error_bars(values: Sequence[float], color: str) -> dict[str, object] | None:
    """Return Plotly error bars, or None where no error is known."""
    if not any(values):
        return None
    return {"type": "data", "array": list(values), "color": color, "thickness": 1.1, "width": 3}
