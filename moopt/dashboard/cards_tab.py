"""Tabs of cards: each is shown as it becomes ready."""

from collections.abc import Callable, Sequence
from itertools import groupby

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from moopt.dashboard.card_desk import CardDesk, Hand
from moopt.dashboard.live import LiveStudies, Snapshot
from moopt.dashboard.study_page import revision_id
from moopt.dashboard.views import figure_view, message, table
from moopt.reports.cards import Card
from moopt.reports.formatting import ABSENT, quantity_text


def cards_panel(tab: str, lead: str) -> Callable[[Snapshot], html.Div]:
    """Return what makes the tab, with a sentence at its head."""

    def panel(_snapshot: Snapshot) -> html.Div:
        return html.Div(
            [
                html.P(lead, className="quiet"),
                html.Div(id=f"{tab}-progress", role="status"),
                html.Div(id=f"{tab}-cards"),
            ]
        )

    return panel


def register(app: Dash, live: LiveStudies, desk: CardDesk, tab: str) -> None:
    """Keep a tab of cards up to date."""

    @app.callback(
        Output(f"{tab}-progress", "children"),
        Output(f"{tab}-cards", "children"),
        Input(revision_id(tab), "data"),
        State("study", "data"),
    )
    def show(_stamp: object, study: str) -> tuple[object, object]:
        snapshot = live.snapshot(study)
        hand = desk.ask(tab, snapshot)
        return progress_text(hand), [section(tab, *each) for each in grouped(hand.cards)]


def progress_text(hand: Hand) -> Component:
    """Return in a line how far the cards are."""
    of_trials = f"from {quantity_text(hand.trials, 'ended trial')}"
    if hand.is_waiting:
        return message("Waiting: other cards are computed first.")
    if hand.problem:
        return message(f"These could not be computed to the end: {hand.problem}", kind="problem")
    if not hand.is_done:
        return message(f"Computing, {of_trials}. Each card appears when it is ready.")
    return html.P(f"{quantity_text(len(hand.cards), 'card')}, {of_trials}.", className="quiet")


def grouped(cards: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """Return the cards by group, groups in the order in which they first appear."""
    order = list(dict.fromkeys(card.group for card in cards))
    ordered = sorted(cards, key=lambda card: order.index(card.group))
    return [(group, list(found)) for group, found in groupby(ordered, lambda card: card.group)]


def section(tab: str, group: str, cards: Sequence[Card]) -> html.Section:
    """Return the cards of one group below its title."""
    head = [html.H2(group)] if group else []
    return html.Section([*head, *(card_view(tab, card) for card in cards)])


def card_view(tab: str, card: Card) -> html.Div:
    """Return a card. Whatever it says is text: nothing of it is markup."""
    parts: list[Component] = [html.H3(card.title)]
    if card.note:
        parts.append(html.P(card.note, className="quiet"))
    if card.problem:
        parts.append(message(card.problem))
    if card.figure:
        parts.append(figure_view(f"{tab}-{card.name}", card.title, card.figure))
    if card.text:
        parts.append(dcc.Markdown(card.text, dangerously_allow_html=False, link_target="_blank"))
    if card.table is not None:
        rows = [[_cell(cell) for cell in row] for row in card.table.rows]
        parts.append(table(card.table.columns, rows, label=card.title))
    return html.Div(parts, className="card", key=card.name)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else f"{value:.5g}"
