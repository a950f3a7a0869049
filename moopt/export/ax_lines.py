"""Parallel coordinates drawn with plain lines.

Plotly draws its own with WebGL, of which a browser has a few surfaces for a whole page, or none.
"""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from plotly.colors import sample_colorscale

from moopt.reports.figures import blank_figure, quiet_axis

SHADES = 8
"""Groups of trials, each of one colour: a line for each trial would be slow to draw."""


def plain_lines(figure: go.Figure) -> go.Figure:
    """Return parallel coordinates as plain lines.

    Args:
        figure: Its only trace is a `Parcoords`, coloured by its last dimension.
    """
    (found,) = figure.data
    dimensions = found.dimensions
    values = np.array([each.values for each in dimensions], dtype=float)
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    heights = np.where(high > low, (values - low) / span, 0.5)
    colors = values[-1]
    shades = _shades(heights[-1])
    drawn = blank_figure(height=420, legend=False)
    for shade, color in enumerate(_colors(found.line.colorscale)):
        mine = shades == shade
        if mine.any():
            x, y = _polyline(heights[:, mine])
            drawn.add_scatter(
                x=x, y=y, mode="lines", line={"color": color, "width": 1.2}, hoverinfo="skip"
            )
    _add_scale(drawn, found, colors)
    for place, each in enumerate(dimensions):
        for top, text in zip((False, True), _ends(each), strict=True):
            drawn.add_annotation(
                x=place,
                y=1.03 if top else -0.03,
                text=html.escape(text),
                showarrow=False,
                yanchor="bottom" if top else "top",
                font={"size": 11},
            )
        between = (each.ticktext or ())[1:-1]
        for rank, text in enumerate(between, start=1):
            drawn.add_annotation(
                x=place,
                y=rank / (len(between) + 1),
                text=html.escape(str(text)),
                showarrow=False,
                xanchor="left",
                font={"size": 11},
            )
    drawn.update_xaxes(
        **quiet_axis(
            tickvals=list(range(len(dimensions))),
            ticktext=[html.escape(str(each.label)) for each in dimensions],
            tickangle=-35,
            range=[-0.3, len(dimensions) - 0.7],
        )
    )
    drawn.update_yaxes(**quiet_axis(showgrid=False, showticklabels=False, range=[-0.14, 1.14]))
    return drawn


def _shades(share: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return for each trial the group of its colour."""
    shades: Int[np.ndarray, " n"] = np.minimum((share * SHADES).astype(int), SHADES - 1)
    return shades


def _colors(scale: Sequence[tuple[float, str]]) -> list[str]:
    middles = [(shade + 0.5) / SHADES for shade in range(SHADES)]
    return list(sample_colorscale([list(each) for each in scale], middles))


def _polyline(heights: Float[np.ndarray, "d n"]) -> tuple[list[float | None], list[float | None]]:
    """Return lines over the axes, with a gap after each."""
    x: list[float | None] = []
    y: list[float | None] = []
    for line in heights.T:
        x += [*map(float, range(len(line))), None]
        y += [*map(float, line), None]
    return x, y


def _ends(dimension: go.parcoords.Dimension) -> tuple[str, str]:
    """Return what stands at the foot and at the top of an axis."""
    values = dimension.values
    if dimension.ticktext is None:
        return f"{min(values):.4g}", f"{max(values):.4g}"
    return str(dimension.ticktext[0]), str(dimension.ticktext[-1])


def _add_scale(drawn: go.Figure, found: go.Parcoords, colors: Float[np.ndarray, " n"]) -> None:
    """Add the bar that tells what the colours mean."""
    drawn.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={
            "color": [float(colors.min())],
            "cmin": float(colors.min()),
            "cmax": float(colors.max()),
            "colorscale": found.line.colorscale,
            "showscale": True,
            "colorbar": {"thickness": 12, "outlinewidth": 0},
        },
        hoverinfo="skip",
    )
