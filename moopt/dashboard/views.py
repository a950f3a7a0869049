"""Pieces that every tab is made of: figures, tables, labelled controls, messages."""

import json
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from moopt.dashboard.first_look import first_look
from moopt.reports.figures import blank_figure, quiet_axis

PLOT_CONFIG: Any = {
    "displaylogo": False,
    "responsive": True,
    # Plotly would upload a figure to its own server: these stay here.
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
    "plotlyServerURL": "",
}


MOST_IN_A_LINE = 22
"""Characters of a table's cell."""


def figure_id(name: object) -> dict[str, object]:
    """Return the id of the store that holds a figure; a script of the page colours and draws it."""
    return {"type": "figure", "name": name}


def graph_id(name: object) -> dict[str, object]:
    """Return the id of the drawing of a figure."""
    return {"type": "graph", "name": name}


def later_id(name: object) -> dict[str, object]:
    """Return the id of the store that holds a component until the page has shown itself."""
    return {"type": "later", "name": name}


def place_id(name: object) -> dict[str, object]:
    """Return the id of the place of such a component."""
    return {"type": "place", "name": name}


def aria(**words: str) -> dict[str, Any]:
    """Return attributes for those who do not see the page, such as `label`."""
    return {f"aria-{name}": value for name, value in words.items()}


def figure_data(figure: go.Figure | str) -> dict[str, Any]:
    """Return a figure, or its JSON, as a store takes it."""
    text = figure if isinstance(figure, str) else str(figure.to_json())
    found: dict[str, Any] = json.loads(text)
    return found


def figure_view(
    name: str, label: str, figure: go.Figure | str | None = None, *, is_first: bool = False
) -> html.Div:
    """Return the place of a figure.

    Args:
        name: Tells it from every other figure of the page.
        label: What it shows, for those who do not see it.
        figure: What to draw at first; None: nothing yet.
        is_first: Whether it is what a reader sees first, before there is a script that draws it.
    """
    data = figure_data(empty_figure("") if figure is None else figure)
    height = data["layout"].get("height", 450)
    width = (data["layout"].get("meta") or {}).get("least_width", 0)
    style = {"minHeight": f"{height}px", "minWidth": f"{width}px"}
    graph = dcc.Graph(id=graph_id(name), config=PLOT_CONFIG, style=style)
    drawing: list[Component | None] = [graph]
    if is_first:
        later = dcc.Store(id=later_id(name), data=graph.to_plotly_json())
        drawing = [first_look(data), later, html.Div(id=place_id(name), style=style)]
    return html.Div(
        [dcc.Store(id=figure_id(name), data=data), *drawing],
        className="figure",
        role="group",
        tabIndex=0 if width else None,
        **aria(label=label),
    )


def empty_figure(message: str, *, height: int = 300) -> go.Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = blank_figure(height=height, legend=False)
    figure.add_annotation(text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(**quiet_axis(visible=False))
    figure.update_yaxes(**quiet_axis(visible=False))
    return figure


def field(label: str, control: Component) -> html.Div:
    """Return a control below its label."""
    return html.Div(
        [html.Label(label, htmlFor=str(vars(control)["id"])), control], className="field"
    )


def choices(label: str, control: Component) -> html.Fieldset:
    """Return a control of several parts, such as radio buttons, below its label."""
    return html.Fieldset([html.Legend(label), control], className="field")


def message(text: str, *, kind: str = "quiet") -> html.P:
    """Return a sentence in place of what cannot be shown."""
    return html.P(text, className=f"message {kind}")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str = "", label: str = ""
) -> html.Div:
    """Return a table whose cells are text, or components; the first column heads the rows."""
    body = [
        html.Tr([html.Th(row[0], scope="row"), *(html.Td(c, className=_width(c)) for c in row[1:])])
        for row in rows
    ]
    head = html.Thead(html.Tr([html.Th(column, scope="col") for column in columns]))
    parts = [html.Caption(caption)] if caption else []
    return html.Div(
        html.Table([*parts, head, html.Tbody(body)]),
        className="wide",
        tabIndex=0,
        role="region",
        **aria(label=label or caption or columns[0]),
    )


def _width(cell: object) -> str:
    """Return how a cell is laid out: a number, or a word or two, stays in one line."""
    return "short" if isinstance(cell, str) and len(cell) <= MOST_IN_A_LINE else "long"
