"""The figure of which parameters matter to which outcome."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from moopt.reports.figures import quiet_axis
from moopt.reports.formatting import shortened
from moopt.reports.panels import Panels
from moopt.reports.points import INKS, Role

MOST_BARS = 15
BAR = 24


def importance_figure(
    indices: Float[np.ndarray, "p k"], parameters: Sequence[str], outcomes: Sequence[str]
) -> go.Figure:
    """Draw total Sobol indices as bars, the most important parameter on top.

    Args:
        indices: By parameter and outcome; NaN where there is none.
        parameters: Names of the rows.
        outcomes: Names of the columns.
    """
    order = importance_order(indices)[:MOST_BARS]
    names = [parameters[row] for row in order]
    panels = Panels.of(
        len(outcomes), columns=3, height=70 + BAR * len(order), width=190, shared_y=True
    )
    for index, outcome in enumerate(outcomes):
        place = panels.place(index)
        values = [float(np.nan_to_num(indices[row, index])) for row in order]
        panels.figure.add_bar(
            orientation="h",
            y=names,
            x=values,
            marker={"color": INKS[Role.FRONT].color},
            hovertext=[
                f"{html.escape(name)}: {value:.2f} of the variance of {html.escape(outcome)}"
                for name, value in zip(names, values, strict=True)
            ],
            hoverinfo="text",
            **place,
        )
        panels.figure.update_xaxes(
            **quiet_axis(outcome, rangemode="tozero", nticks=4, range=[0, max(1.0, *values)]),
            **place,
        )
        panels.figure.update_yaxes(
            **quiet_axis(
                showgrid=False,
                type="category",
                autorange="reversed",
                tickvals=names,
                ticktext=[html.escape(shortened(name, 20)) for name in names],
                showticklabels=place["col"] == 1,
            ),
            **place,
        )
    panels.figure.update_layout(bargap=0.35)
    return panels.figure


def importance_order(indices: Float[np.ndarray, "p k"]) -> list[int]:
    """Return the rows of the parameters, the most important over all outcomes first."""
    total = np.nan_to_num(indices).mean(axis=1)
    return [int(row) for row in np.argsort(-total, kind="stable")]
