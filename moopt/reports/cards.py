"""One analysis of a study as a page shows it: a figure, a table or a few words.

What makes cards is a function of a study and its trials that yields them one by one, so that a page
can show each as it becomes ready. They travel between processes as JSON.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text and numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]


@dataclass(frozen=True, slots=True)
class Card:
    """An analysis. Texts are plain: who shows them escapes them."""

    name: str
    """Tells it from every other card of a page, such as `importance`."""

    title: str
    _: KW_ONLY
    note: str = ""
    """What it shows and how to read it."""

    figure: str = ""
    """A Plotly figure as JSON; empty where there is none."""

    table: Table | None = None
    text: str = ""
    """Markdown."""

    problem: str = ""
    """Why it cannot be shown, in one or two lines; empty where it can."""

    group: str = ""
    """Title of the section of the page where it stands."""
