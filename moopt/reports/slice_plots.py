"""The figure of what a model believes along each parameter."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from moopt.reports.figures import quiet_axis
from moopt.reports.formatting import shortened, value_text
from moopt.reports.panels import Panels
from moopt.reports.points import INKS, Role
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.study import Study
from moopt.surrogates.slices import Slice

MOST_PANELS = 12
PANEL, COLUMNS = 210, 4
BAND = "rgba(43,127,195,0.18)"


def slice_figure(
    study: Study, slices: Sequence[Slice], outcome: int, *, share: bool = False
) -> go.Figure:
    """Draw posterior mean and two standard deviations along each parameter, one panel each.

    Args:
        study: Whose parameters they are.
        slices: Through one point.
        outcome: Column of the slices.
        share: The outcome is a share, whose axis runs from 0 to 1.
    """
    shown = slices[:MOST_PANELS]
    low = min(float((x.means - 2 * x.deviations)[:, outcome].min()) for x in shown)
    high = max(float((x.means + 2 * x.deviations)[:, outcome].max()) for x in shown)
    room = 0.05 * (high - low) or 1.0
    span = (-0.05, 1.05) if share else (low - room, high + room)
    panels = Panels.of(len(shown), columns=COLUMNS, height=PANEL, width=170, shared_y=True)
    for index, each in enumerate(shown):
        place = panels.place(index)
        _add_slice(panels.figure, each, outcome, place, share=share)
        panels.figure.update_xaxes(
            **quiet_axis(".".join(each.column), **_scale(study, each)), **place
        )
        panels.figure.update_yaxes(**quiet_axis(nticks=5, range=span), **place)
    return panels.figure


def _add_slice(
    figure: go.Figure, each: Slice, outcome: int, place: dict[str, int], *, share: bool
) -> None:
    color = INKS[Role.FRONT].color
    means, deviations = each.means[:, outcome], each.deviations[:, outcome]
    upper, lower = means + 2 * deviations, means - 2 * deviations
    if share:
        means, upper, lower = (line.clip(0.0, 1.0) for line in (means, upper, lower))
    hover = [
        f"{html.escape(value_text(value))}: {mean:.4g} ± {deviation:.2g}"
        for value, mean, deviation in zip(each.values, means, deviations, strict=True)
    ]
    named = any(isinstance(value, str | bool) for value in each.values)
    x = [str(value) if named else value for value in each.values]
    common = {"hoverinfo": "skip", "showlegend": False, **place}
    if named:
        figure.add_scatter(
            x=x,
            y=means.tolist(),
            mode="markers",
            marker={"color": color, "size": 8},
            error_y={"type": "data", "array": (upper - means).tolist(), "color": color, "width": 4},
            hovertext=hover,
            **common | {"hoverinfo": "text"},
        )
    else:
        figure.add_scatter(x=x, y=upper.tolist(), mode="lines", line={"width": 0}, **common)
        figure.add_scatter(
            x=x,
            y=lower.tolist(),
            mode="lines",
            line={"width": 0},
            fill="tonexty",
            fillcolor=BAND,
            **common,
        )
        figure.add_scatter(
            x=x,
            y=means.tolist(),
            mode="lines",
            line={"color": color, "width": 2},
            hovertext=hover,
            **common | {"hoverinfo": "text"},
        )
    if not isinstance(each.at, str | bool | int | float):
        return
    figure.add_vline(
        x=_nearest(each) if named else each.at,
        line={"color": INKS[Role.KNEE].color, "width": 1.5, "dash": "dot"},
        **place,
    )


def _nearest(each: Slice) -> int:
    """Return the place of the point on an axis of names."""
    return [str(value) for value in each.values].index(str(each.at))


def _scale(study: Study, each: Slice) -> dict[str, object]:
    parameter = next(x for x in study.parameters if x.name == each.column[0])
    match parameter:
        case Continuous(log=True) | Integer(log=True):
            decades = math.log10(parameter.high / parameter.low)
            return {
                "type": "log",
                **({"dtick": max(1, round(decades / 3))} if decades > 1.5 else {}),
            }
        case Categorical(choices=choices):
            names = [str(choice) for choice in choices]
            return {
                "type": "category",
                "categoryorder": "array",
                "categoryarray": names,
                "tickvals": names,
                "ticktext": [html.escape(shortened(name, 12)) for name in names],
            }
        case _:
            return {"nticks": 4}
