"""A figure as a picture, which is there before the script that draws figures.

Plotly's script takes a browser longer than all the rest of a page. Until it has drawn the figure,
this picture stands in its place: equal points and lines in an equal frame, without the legend.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Any
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

GRID = '<line {} stroke="#7d868f" opacity=".25"/>'

UNREAD: Mapping[str, Any] = {"aria-hidden": "true"}
"""Who hears the page hears of the figure itself."""

ROOM = 0.06
"""Share of the range of the values that is left free at either end."""

TICKS = 6
"""About so many on an axis."""

STEPS = (1.0, 2.0, 5.0, 10.0)

OPENED = {"open", "thin"}
"""What the names of symbols that are not filled end with."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where numbers lie on an axis, as a percentage of its length."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], fixed: Sequence[float] | None) -> "_Scale":
        if fixed is not None:
            return cls(*fixed)
        low, high = min(values), max(values)
        room = ROOM * (high - low) or max(abs(high), 1.0) * ROOM
        return cls(low - room, high + room)

    def place(self, value: float) -> float:
        return 100.0 * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places of round numbers, and what to write there."""
        least = (self.high - self.low) / TICKS
        decade = 10.0 ** math.floor(math.log10(least))
        step = next(decade * each for each in STEPS if decade * each >= least)
        first = math.ceil(self.low / step)
        values = [step * each for each in range(first, math.floor(self.high / step) + 1)]
        return [(self.place(value), f"{value:.6g}") for value in values]


def first_look(figure: Mapping[str, Any]) -> Component | None:
    """Return a picture of a figure, as large as its place.

    Args:
        figure: As Plotly takes it.

    Returns:
        None where there is more in it than points and lines in the plane, or nothing, or where an
        axis is not one of numbers.
    """
    layout = figure["layout"]
    traces = [trace for trace in figure["data"] if trace.get("yaxis", "y") == "y"]
    axes = layout.get("xaxis", {}), layout.get("yaxis", {})
    if not all(_is_plain(trace) for trace in traces):
        return None
    if any(axis.get("type", "linear") != "linear" for axis in axes):
        return None
    points = [point for trace in traces for point in _points(trace)]
    if not points:
        return None
    scales = (
        _Scale.of([x for x, _ in points], axes[0].get("range")),
        _Scale.of([y for _, y in points], axes[1].get("range")),
    )
    across, up = scales[0].ticks(), scales[1].ticks()
    drawn = [
        *(GRID.format(f'x1="{place:.2f}%" x2="{place:.2f}%" y2="100%"') for place, _ in across),
        *(GRID.format(f'y1="{100 - at:.2f}%" y2="{100 - at:.2f}%" x2="100%"') for at, _ in up),
        *(part for trace in traces for part in _drawn(trace, scales)),
    ]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}</svg>'
    title, side = (unescape(axis.get("title", {}).get("text", "")) for axis in axes)
    margin = layout["margin"]
    return html.Div(
        [
            html.Img(src="data:image/svg+xml," + quote(svg), alt=""),
            *(html.Span(text, className="x", style={"left": f"{at:.2f}%"}) for at, text in across),
            *(html.Span(text, className="y", style={"bottom": f"{at:.2f}%"}) for at, text in up),
            html.Span(title, className="x-title"),
            html.Span(side, className="y-title"),
        ],
        className="first-look",
        style={
            "left": margin["l"],
            "right": margin["r"],
            "top": margin["t"],
            "height": layout["height"] - margin["t"] - margin["b"],
        },
        **UNREAD,
    )


def _is_plain(trace: Mapping[str, Any]) -> bool:
    if trace["type"] != "scatter":
        return False
    values = [value for name in "xy" for value in trace.get(name, [])]
    return all(value is None or isinstance(value, int | float) for value in values)


def _points(trace: Mapping[str, Any]) -> list[tuple[float, float]]:
    pairs = zip(trace["x"], trace["y"], strict=True)
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _drawn(trace: Mapping[str, Any], scales: tuple[_Scale, _Scale]) -> Iterator[str]:
    pairs = [(scales[0].place(x), 100.0 - scales[1].place(y)) for x, y in _points(trace)]
    if "lines" in trace["mode"]:
        corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in pairs)
        fill = trace.get("fillcolor", "none") if trace.get("fill") == "toself" else "none"
        yield (
            '<svg viewBox="0 0 100 100" preserveAspectRatio="none">'
            f'<polyline points="{corners}" fill="{escape(fill)}" '
            f'stroke="{escape(trace["line"]["color"])}" vector-effect="non-scaling-stroke"/></svg>'
        )
    ink = trace.get("marker", {})
    if "markers" in trace["mode"] and not ink["symbol"].startswith("cross"):
        color = escape(ink.get("color") or ink["line"]["color"])
        is_open = not OPENED.isdisjoint(ink["symbol"].split("-"))
        paint = f'fill="none" stroke="{color}"' if is_open else f'fill="{color}"'
        yield f'<g {paint} opacity="{ink.get("opacity", 1.0)}">'
        radius = 0.5 * ink["size"]
        yield from (f'<circle cx="{x:.2f}%" cy="{y:.2f}%" r="{radius:g}"/>' for x, y in pairs)
        yield "</g>"
