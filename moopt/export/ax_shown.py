"""A card of Ax as a card of ours: its figure, its table or its words, without markup."""

import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import plotly.graph_objects as go
from ax.analysis.healthcheck.healthcheck_analysis import HealthcheckAnalysisCard
from ax.analysis.plotly.plotly_analysis import PlotlyAnalysisCard
from ax.core.analysis_card import (
    AnalysisCard,
    ErrorAnalysisCard,
    NotApplicableStateAnalysisCard,
)

from moopt.reports.cards import Card, Table
from moopt.reports.figures import FONT
from moopt.study.parameters import Categorical
from moopt.study.study import Study

CLEAR = "rgba(0,0,0,0)"
_MISSING = "<NA>"
_STATES = {0: "passed", 1: "failed", 2: "warning", 3: "information"}


@dataclass(frozen=True, slots=True)
class MarkedTexts:
    """What of a study's texts a figure must not take for markup."""

    texts: tuple[str, ...]

    @classmethod
    def of(cls, study: Study) -> "MarkedTexts":
        """Return the texts of a study that Plotly would read as markup."""
        choices = [
            str(choice)
            for parameter in study.parameters
            if isinstance(parameter, Categorical)
            for choice in parameter.choices
        ]
        found = {text for text in choices if html.escape(text, quote=False) != text}
        return cls(tuple(sorted(found, key=len, reverse=True)))

    def escaped(self, json_text: str) -> str:
        """Return a figure as JSON in which these texts stand for themselves."""
        if not self.texts:
            return json_text
        choices = "|".join(map(re.escape, self.texts))
        # The values of hover texts stand behind a colon, one a line.
        pattern = re.compile(rf"(?:(?<=: )|(?<=<br>)|(?<=<br />)|^)(?:{choices})(?=<br ?/?>|$)")
        return json.dumps(_in_texts(json.loads(json_text), pattern))


def _in_texts(value: object, pattern: re.Pattern[str]) -> object:
    """Return a value of JSON with what the pattern finds escaped in each of its texts."""
    match value:
        case dict():
            return {name: _in_texts(each, pattern) for name, each in value.items()}
        case list():
            return [_in_texts(each, pattern) for each in value]
        case str():
            return pattern.sub(lambda found: html.escape(found[0], quote=False), value)
    return value


def shown(card: Card, found: AnalysisCard, marked: MarkedTexts) -> Card:
    """Return a card with what Ax found.

    Args:
        card: Name, title, note and group.
        found: One card of Ax, no group of them.
        marked: Texts to escape in figures.
    """
    match found:
        case ErrorAnalysisCard():
            return replace(card, problem=f"Ax could not compute this: {_reason(found.blob)}")
        case NotApplicableStateAnalysisCard():
            return replace(card, problem=_sentence(found.blob))
        case PlotlyAnalysisCard():
            figure = found.get_figure()
            if figure.data and figure.data[0].type == "table":
                return replace(card, table=table_of(found))
            return replace(card, figure=figure_text(figure, marked))
        case HealthcheckAnalysisCard():
            state = _STATES.get(json.loads(found.blob)["status"], "information")
            text = f"**{state.capitalize()}.** {found.subtitle}"
            return replace(card, text=text, table=table_of(found))
    return replace(card, table=table_of(found))


def figure_text(figure: go.Figure, marked: MarkedTexts) -> str:
    """Return a figure as JSON, on the ground of the page that shows it."""
    figure.update_layout(
        template="none",
        title=None,
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": FONT, "size": 13},
        modebar={"bgcolor": CLEAR},
        autosize=True,
        width=None,
    )
    # Plotly's own JSON writes < as an escape sequence.
    return marked.escaped(json.dumps(json.loads(str(figure.to_json()))))


def table_of(card: AnalysisCard) -> Table | None:
    """Return the rows of a card of Ax, or None where it has none."""
    frame = card.df
    if frame.empty:
        return None
    return Table(
        [str(name) for name in frame.columns],
        [[_cell(value) for value in row] for row in frame.itertuples(index=False)],
    )


def _cell(value: object) -> str | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None if value is None or str(value) == _MISSING else str(value)
    return None if math.isnan(value) else float(value)


def _reason(blob: str) -> str:
    """Return the last line of a traceback, without the name of the error's class."""
    lines = [line.strip() for line in blob.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "it does not say why"
    return _sentence(last.partition(": ")[2] or last)


def _sentence(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 300 else f"{words[:297]}..."


def join(parts: Sequence[str]) -> str:
    """Return sentences as one paragraph."""
    return " ".join(part for part in parts if part)
