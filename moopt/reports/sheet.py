"""Sections and figures of an HTML page: everything in one file, nothing fetched."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from moopt.reports.cards import Card
from moopt.reports.figures import figure_json


@dataclass(slots=True)
class Sheet:
    """A page that is being written."""

    title: str
    sections: list[str] = field(default_factory=list)
    drawings: list[tuple[str, str]] = field(default_factory=list)
    """Every figure: the title of its section, and itself as JSON."""

    def add(self, html: str) -> None:
        """Add what is HTML already; nothing where it is empty."""
        if html:
            self.sections.append(html)

    def add_section(
        self, title: str, note: str, drawn: Sequence[go.Figure | str] = (), *, below: str = ""
    ) -> None:
        """Add a section.

        Args:
            title: Plain text.
            note: Plain text that says how to read it.
            drawn: Figures, or figures as JSON.
            below: HTML that follows the figures.
        """
        parts = [f'<section>\n<h2>{escape(title)}</h2>\n<p class="quiet">{escape(note)}</p>']
        parts += [self._figure(title, each) for each in drawn]
        parts += [below] if below else []
        self.sections.append("\n".join([*parts, "</section>"]))

    def add_card(self, card: Card) -> None:
        """Add a card: its figure, its table, or why there is none."""
        if card.problem:
            self.add_section(card.title, card.problem)
            return
        table = ""
        if card.table is not None:
            head = [f"<th>{escape(each)}</th>" for each in card.table.columns]
            rows = [
                f'<tr><th scope="row">{_text(row[0])}</th>'
                + "".join(f"<td>{_text(each)}</td>" for each in row[1:])
                + "</tr>"
                for row in card.table.rows
            ]
            table = html_table(head, rows)
        self.add_section(card.title, card.note, [card.figure] if card.figure else [], below=table)

    def html(self) -> str:
        """Return the page."""
        scripts = ""
        if self.drawings:
            scripts = f"<script>{get_plotlyjs()}</script>\n<script>{_asset('page.js')}</script>"
        body = "\n".join(self.sections)
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(self.title)} · moopt</title>
<style>
{_asset("page.css")}</style>
</head>
<body>
<main>
{body}
<footer>Made by moopt. Values are means ± standard errors.</footer>
</main>
{scripts}
</body>
</html>
"""

    def _figure(self, title: str, figure: go.Figure | str) -> str:
        source = figure if isinstance(figure, str) else figure_json(figure)
        self.drawings.append((title, source))
        layout = json.loads(source)["layout"]
        least = (layout.get("meta") or {}).get("least_width", 0)
        name = f"figure-{len(self.drawings)}"
        # A `<` inside a script could end it, whatever it stands in.
        source = source.replace("<", "\\u003c")
        return (
            f'<div class="figure"><div id="{name}" '
            f'style="min-height:{layout["height"]}px;min-width:{least}px"></div></div>\n'
            f'<script type="application/json" data-figure="{name}">{source}</script>'
        )


def html_table(head: Sequence[str], rows: Sequence[str]) -> str:
    """Return a table that scrolls where it is wider than the page, of cells that are HTML."""
    return (
        f'<div class="wide" tabindex="0"><table>\n<thead><tr>{"".join(head)}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table></div>"
    )


def _text(cell: str | float | None) -> str:
    return escape("" if cell is None else str(cell))


def _asset(name: str) -> str:
    return resources.files("moopt.reports").joinpath(name).read_text(encoding="utf-8")
