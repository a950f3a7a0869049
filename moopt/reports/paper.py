"""A report as PDF or PNG, drawn by matplotlib: for papers, mail and places without a browser."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from moopt.front.front import Front, front_of
from moopt.reports.cards import Card
from moopt.reports.on_paper import INK, Frame, can_be_drawn, draw_on_paper
from moopt.reports.page import report_sheet
from moopt.reports.page_head import facts_of
from moopt.reports.tables import Table, measurement_table
from moopt.study.study import Study
from moopt.study.trials import Trial

WIDTH, HEIGHT = 8.27, 11.69
"""Of a page in inches: A4."""

EDGE = 0.4
TITLE = 0.35
"""Height of a title in inches."""

PIXELS = 105.0
"""Of a figure on the screen, for each inch of its height on paper."""

HIGHEST = 5.0
DOTS = 160
"""Of a PNG, an inch."""

MOST_ON_PICTURE = 5
MOST_ROWS = 500
MOST_OF_QUESTION = 15
"""Lines, each of as many characters as follow."""

WIDEST = 100
TOP = 1.1
"""Where the lines of the first pages begin, in inches."""

LINE = 0.17
"""Height of a line of text in inches."""


def write_paper(
    to: Path, study: Study, trials: Sequence[Trial], *, cards: Sequence[Card], question: str
) -> None:
    """Write a report: all of it as the pages of a PDF, or its first figures as a PNG.

    Args:
        to: A file whose name ends in `.pdf` or `.png`; one that is there is replaced.
        study: Objectives without a reference get one inferred from the trials.
        trials: In any state.
        cards: What the model makes of it, as `model_cards` yields it.
        question: What the study asks.
    """
    sheet = report_sheet(study, trials, cards=cards)
    drawings = [each for each in sheet.drawings if can_be_drawn(each[1])]
    front = front_of(study, trials)
    if to.suffix.lower() == ".png":
        chosen = drawings[:MOST_ON_PICTURE]
        height = TITLE + sum(_height(source) + TITLE for _, source in chosen) + 2 * EDGE
        page = Figure(figsize=(WIDTH, height), dpi=DOTS)
        page.text(EDGE / WIDTH, 1 - EDGE / height, _safe(study.name), size=14, weight="bold")
        _stack(page, chosen, TITLE + EDGE, height)
        page.savefig(to, format="png")
        return
    with PdfPages(to, metadata={"Title": study.name, "Creator": "moopt"}) as pdf:
        for page in _cover(front, trials, question):
            pdf.savefig(page)
        for page in _pages(drawings):
            pdf.savefig(page)


def _cover(front: Front, trials: Sequence[Trial], question: str) -> Iterator[Figure]:
    """Yield the first page, and as many more as its lines need."""
    lines = textwrap.wrap(question, WIDEST, max_lines=MOST_OF_QUESTION, placeholder=" ...")
    lines += ["", *(f"{name}: {value}  ({note})" for name, value, note in facts_of(front, trials))]
    if front.trials:
        has_held_out = any(trial.held_out for trial in front.trials)
        shown = front.trials[:MOST_ROWS]
        lines += ["", "", f"The measured front, {len(shown)} of {len(front.trials)} trials", ""]
        lines += _rows(measurement_table(front.study, shown, held_out=has_held_out))
    room = int((HEIGHT - TOP - EDGE) / LINE)
    for begin in range(0, len(lines), room):
        page = Figure(figsize=(WIDTH, HEIGHT))
        page.text(EDGE / WIDTH, 1 - 0.7 / HEIGHT, _safe(front.study.name), size=18, weight="bold")
        for row, line in enumerate(lines[begin : begin + room]):
            # Everything in one font: tables are lined up by spaces.
            page.text(
                EDGE / WIDTH,
                1 - (TOP + LINE * row) / HEIGHT,
                _safe(line),
                size=7.5,
                family="monospace",
                color=INK,
            )
        yield page


def _pages(drawings: Sequence[tuple[str, str]]) -> Iterator[Figure]:
    """Yield pages with as many figures as fit below each other."""
    begun: list[tuple[str, str]] = []
    used = 2 * EDGE
    for drawing in drawings:
        needed = _height(drawing[1]) + TITLE
        if begun and used + needed > HEIGHT:
            yield _page(begun)
            begun, used = [], 2 * EDGE
        begun.append(drawing)
        used += needed
    if begun:
        yield _page(begun)


def _page(drawings: Sequence[tuple[str, str]]) -> Figure:
    page = Figure(figsize=(WIDTH, HEIGHT))
    _stack(page, drawings, EDGE, HEIGHT)
    return page


def _stack(page: Figure, drawings: Sequence[tuple[str, str]], top: float, height: float) -> None:
    """Draw figures below each other, from so many inches below the upper edge."""
    before = ""
    for title, source in drawings:
        if title != before:
            page.text(EDGE / WIDTH, 1 - (top + 0.2) / height, _safe(title), size=10, weight="bold")
        before = title
        own = _height(source)
        frame = Frame(0.0, height - top - TITLE - own, WIDTH, own)
        draw_on_paper(page, frame, source)
        top += TITLE + own


def _height(source: str) -> float:
    """Return the height of a figure in inches."""
    return min(HIGHEST, float(json.loads(source)["layout"]["height"]) / PIXELS)


def _rows(table: Table) -> list[str]:
    widths = [
        max(len(each) for each in column) for column in zip(table.columns, *table.rows, strict=True)
    ]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in (table.columns, *table.rows)
    ]


def _safe(text: str) -> str:
    """Return text in which a dollar does not begin mathematics."""
    return text.replace("$", r"\$")
