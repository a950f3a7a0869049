"""The figures of a page drawn by matplotlib: for PDF and PNG, without a browser.

What moopt's own figures are made of is understood: lines, points, error bars, bands and bars, on
linear, logarithmic and named axes, in panels. Figures in space are not.
"""

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Json = Mapping[str, Any]

DASHES = {"dash": "--", "dot": ":", "dashdot": "-."}
MARKERS = {
    "circle": "o",
    "circle-open": "o",
    "diamond": "D",
    "diamond-open": "D",
    "square": "s",
    "triangle-up": "^",
    "x": "X",
    "cross": "P",
    "x-thin-open": "x",
    "cross-thin": "+",
}
MOST_TICKS = 6
GRID = "#dfe3e7"
INK = "#1b2026"
POINTS_PER_PIXEL = 0.6
OPACITY = re.compile(r"rgba\((\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\)")
MARKUP = re.compile(r"<[^>]*>")

Color = str | tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of the paper, in inches from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float


def draw_on_paper(target: Figure, frame: Frame, source: str) -> None:
    """Draw a Plotly figure on an empty figure of matplotlib.

    Args:
        target: The paper.
        frame: Where on it.
        source: The Plotly figure as JSON.
    """
    figure = json.loads(source)
    panels: dict[tuple[str, str], _Panel] = {}
    for trace in figure["data"]:
        names = trace.get("xaxis", "x"), trace.get("yaxis", "y")
        if names not in panels:
            panels[names] = _panel(target, frame, figure, names)
        draw = _draw_bars if trace["type"] == "bar" else _draw_scatter
        draw(panels[names], trace)
    for panel in panels.values():
        _finish(panel)
    for shape in figure["layout"].get("shapes", []):
        drawn = panels.get((shape["xref"], shape["yref"].split(" ")[0]))
        if drawn is not None and shape["type"] == "line" and shape["x0"] == shape["x1"]:
            color = _color(shape.get("line", {}).get("color"))
            drawn.axes.axvline(shape["x0"], color=color, ls=":", lw=1.0)
    _add_legend(target, frame, [panel.axes for panel in panels.values()])


def can_be_drawn(source: str) -> bool:
    """Say whether a figure is in the plane."""
    return all(trace["type"] in {"bar", "scatter"} for trace in json.loads(source)["data"])


@dataclass(frozen=True, slots=True)
class _Panel:
    """A pair of axes, and what they are to look like."""

    axes: Axes
    x: Json
    y: Json
    x_names: list[str]
    """What stands along an axis of names; empty where it is one of numbers."""

    y_names: list[str]


def _panel(target: Figure, frame: Frame, figure: Json, names: tuple[str, str]) -> _Panel:
    x, y = (figure["layout"].get(f"{name[0]}axis{name[1:]}", {}) for name in names)
    (left, right), (bottom, top) = x.get("domain", (0.0, 1.0)), y.get("domain", (0.0, 1.0))
    # Room for titles and ticks, in inches.
    x0, y0 = frame.left + 0.75, frame.bottom + 0.6
    x1, y1 = frame.left + frame.width - 0.2, frame.bottom + frame.height - 0.3
    width, height = target.get_size_inches()
    box = (
        (x0 + left * (x1 - x0)) / width,
        (y0 + bottom * (y1 - y0)) / height,
        (right - left) * (x1 - x0) / width,
        (top - bottom) * (y1 - y0) / height,
    )
    mine = [
        trace
        for trace in figure["data"]
        if (trace.get("xaxis", "x"), trace.get("yaxis", "y")) == names
    ]
    return _Panel(target.add_axes(box), x, y, _names(x, mine, "x"), _names(y, mine, "y"))


def _names(options: Json, traces: Sequence[Json], which: str) -> list[str]:
    """Return what stands along an axis of names, in order."""
    if "categoryarray" in options:
        return [str(each) for each in options["categoryarray"]]
    found = [each for trace in traces for each in trace.get(which) or ()]
    return list(dict.fromkeys(each for each in found if isinstance(each, str)))


def _places(values: Sequence[object] | None, names: Sequence[str]) -> list[float]:
    """Return where values are on an axis."""
    return [
        math.nan if each is None else float(names.index(str(each)) if names else str(each))
        for each in values or ()
    ]


def _draw_scatter(panel: _Panel, trace: Json) -> None:
    axes = panel.axes
    x, y = _places(trace.get("x"), panel.x_names), _places(trace.get("y"), panel.y_names)
    if not x:
        return
    line, marker = trace.get("line") or {}, trace.get("marker") or {}
    name = _plain(trace.get("name") or "")
    label = name if trace.get("showlegend", True) and name else "_"
    mode = trace.get("mode", "lines")
    color = _color(line.get("color") or marker.get("color"))
    is_step = line.get("shape") == "hv"
    if trace.get("fill") == "tonexty" and axes.lines:
        axes.fill_between(
            x,
            np.asarray(axes.lines[-1].get_ydata(), dtype=float),
            y,
            color=_color(trace.get("fillcolor")),
            step="post" if is_step else None,
            lw=0,
        )
    if trace.get("fill") == "toself":
        axes.fill(x, y, color=_color(trace.get("fillcolor")), lw=0)
    if "lines" in mode:
        axes.plot(
            x,
            y,
            drawstyle="steps-post" if is_step else "default",
            color=color,
            lw=0.75 * float(line.get("width", 1.5)),
            ls=DASHES.get(line.get("dash", ""), "-"),
            alpha=trace.get("opacity", 1.0),
            label=label if "markers" not in mode else "_",
        )
    if "markers" in mode:
        _draw_points(axes, trace, (x, y), label)


def _draw_points(
    axes: Axes, trace: Json, points: tuple[list[float], list[float]], label: str
) -> None:
    marker = trace.get("marker") or {}
    color = _color(marker.get("color"))
    symbol = str(marker.get("symbol") or "circle")
    x, y = points
    for name in ("error_x", "error_y"):
        bars = (trace.get(name) or {}).get("array")
        if bars:
            axes.errorbar(
                x,
                y,
                xerr=bars if name == "error_x" else None,
                yerr=bars if name == "error_y" else None,
                fmt="none",
                ecolor=color,
                elinewidth=0.7,
                capsize=1.5,
            )
    axes.plot(
        x,
        y,
        ls="none",
        marker=MARKERS.get(symbol, "o"),
        ms=POINTS_PER_PIXEL * float(marker.get("size", 6)),
        mfc="none" if symbol.endswith("open") else color,
        mec=color,
        mew=0.9 if symbol.endswith(("open", "thin")) else 0.0,
        alpha=marker.get("opacity", 1.0),
        label=label,
    )


def _draw_bars(panel: _Panel, trace: Json) -> None:
    pattern = (trace["marker"].get("pattern") or {}).get("shape") or ""
    name = _plain(trace.get("name") or "")
    panel.axes.barh(
        _places(trace["y"], panel.y_names),
        trace["x"],
        left=trace.get("base"),
        height=0.65,
        color=_color(trace["marker"]["color"]),
        edgecolor="white",
        hatch={"x": "xxx", "/": "///", ".": "...", "-": "---", "\\": "\\\\\\"}.get(pattern),
        lw=0.4,
        label=name or "_",
    )


def _finish(panel: _Panel) -> None:
    axes = panel.axes
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=GRID, lw=0.6)
    axes.tick_params(length=0, labelsize=7, colors="#5c6670")
    for spine in axes.spines.values():
        spine.set_visible(False)
    for which, options, names in (("x", panel.x, panel.x_names), ("y", panel.y, panel.y_names)):
        is_log = options.get("type") == "log"
        title = _plain((options.get("title") or {}).get("text") or "")
        axes.set(**{f"{which}label": title})
        if is_log:
            axes.set(**{f"{which}scale": "log"})
            axes.minorticks_off()
        if not is_log and not names:
            axis = axes.xaxis if which == "x" else axes.yaxis
            axis.set_major_locator(MaxNLocator(MOST_TICKS))
        span = options.get("range")
        if span is not None:
            ends = [10.0**each for each in span] if is_log else span
            axes.set(**{f"{which}lim": tuple(ends)})
        if options.get("autorange") == "reversed":
            axes.invert_yaxis()
        if names or options.get("ticktext"):
            _name_ticks(axes, which, options, names)
        if options.get("showticklabels") is False:
            (axes.xaxis if which == "x" else axes.yaxis).set_ticklabels([])
    axes.xaxis.label.set(size=8, color=INK)
    axes.yaxis.label.set(size=8, color=INK)


def _name_ticks(axes: Axes, which: str, options: Json, names: Sequence[str]) -> None:
    values = options.get("tickvals") or names
    texts = [_plain(str(each)) for each in options.get("ticktext") or values]
    if names:
        values = [str(each) for each in values]
        # What nothing was drawn at has no place.
        texts = [text for text, each in zip(texts, values, strict=True) if each in names]
        values = [each for each in values if each in names]
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(_places(values, names), labels=texts)


def _add_legend(target: Figure, frame: Frame, panels: Sequence[Axes]) -> None:
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(str(label), handle)
    if found:
        width, height = target.get_size_inches()
        target.legend(
            handles=list(found.values()),
            labels=list(found),
            ncols=5,
            loc="upper left",
            bbox_to_anchor=(
                (frame.left + 0.65) / width,
                (frame.bottom + frame.height) / height,
            ),
            borderaxespad=0.0,
            frameon=False,
            fontsize=7,
        )


def _plain(text: str) -> str:
    """Return text without markup; in matplotlib a dollar begins mathematics."""
    return html.unescape(MARKUP.sub("", text)).replace("$", r"\$")


def _color(text: str | None) -> Color:
    found = OPACITY.fullmatch(text or "")
    if found is None:
        return text or INK
    red, green, blue = (int(each) / 255 for each in found.groups()[:3])
    return red, green, blue, float(found.group(4))
