"""Figures of several panels: one for each outcome, or for each parameter."""

import math
from dataclasses import dataclass

import plotly.graph_objects as go

from moopt.reports.figures import blank_figure, needs_width

ROOM = 60
"""Height besides the panels: legend above, ticks below."""


@dataclass(frozen=True, slots=True)
class Panels:
    """A figure whose panels are filled one by one."""

    figure: go.Figure
    columns: int

    @classmethod
    def of(
        cls,
        count: int,
        *,
        columns: int,
        height: int,
        width: int = 230,
        legend: bool = False,
        shared_y: bool = False,
    ) -> "Panels":
        """Lay out panels in rows.

        Args:
            count: Of panels.
            columns: Of a full row.
            height: Of a panel in pixels.
            width: Least width of a panel in pixels, before the figure is scrolled.
            legend: Leave room for one.
            shared_y: All panels of a row have one vertical axis.
        """
        columns = min(columns, count)
        rows = math.ceil(count / columns)
        figure = blank_figure(height=ROOM + height * rows, legend=legend)
        figure.set_subplots(
            rows=rows,
            cols=columns,
            shared_yaxes=shared_y,
            horizontal_spacing=min(0.3 / columns, 0.09 if not shared_y else 0.03),
            vertical_spacing=min(0.6 / rows, 80 / (ROOM + height * rows)),
        )
        needs_width(figure, width * columns)
        return cls(figure, columns)

    def place(self, index: int) -> dict[str, int]:
        """Return where a panel is, as Plotly wants to be told."""
        return {"row": index // self.columns + 1, "col": index % self.columns + 1}
