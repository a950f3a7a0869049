"""The race on one HTML page: standings, and how every search came along on every problem."""

from collections.abc import Sequence
from html import escape

import numpy as np

from moopt.benchmarks.contest.matches import Run
from moopt.benchmarks.contest.standings import Result
from moopt.benchmarks.contest.tables import (
    price_table,
    rank_table,
    savings_table,
    share_table,
    verdict_text,
)
from moopt.reports.cards import Card
from moopt.reports.cards import Table as CardTable
from moopt.reports.comparison_plots import add_traces
from moopt.reports.figures import blank_figure, figure_json, quiet_axis
from moopt.reports.formatting import quantity_text
from moopt.reports.sheet import Sheet
from moopt.reports.tables import Table

_RANKS = (
    "Searches are ranked on each problem by the median over seeds of the hypervolume after {} "
    "trials; equal ones share a rank. Ranks are averaged over problems. Where a search has not "
    "come so far on every problem, their number stands behind its rank."
)
_SAVINGS = (
    "The best peer on each problem, the shares of the best known hypervolume that both have in the "
    "end, and in which share of the trials {} has reached what the peer has then. Behind: by more "
    "than the noise of the seeds (Mann-Whitney U test, one-sided, 5 %)."
)
_PRICES = (
    "Seconds of a proposal when so many trials are known, medians. Memory of a process that has "
    "loaded all that moopt's search needs."
)
_SHARES = "Share of the best known hypervolume: median over seeds, with quartiles."


def contest_page(
    found: Sequence[Result],
    runs: Sequence[Run],
    *,
    ours: str,
    peers: Sequence[str],
    checkpoints: Sequence[int],
    places: Sequence[int],
) -> str:
    """Return the page as HTML.

    Args:
        found: One result for each problem.
        runs: All of them.
        ours: The search that is compared with the best peer.
        peers: The others.
        checkpoints: Numbers of trials after which searches are compared; the last one decides.
        places: Numbers of known trials at which proposals are timed.
    """
    last = checkpoints[-1]
    sheet = Sheet(f"{quantity_text(len(found), 'problem')}, {len(peers) + 1} searches")
    seeds = len({run.match.seed for run in runs})
    sheet.add(
        f"<header>\n<h1>{escape(sheet.title)}</h1>\n"
        f'<p class="question">{quantity_text(seeds, "seed")}, {last} trials each. '
        f"{escape(verdict_text(found, ours, peers, last))}</p>\n</header>"
    )
    for name, title, note, table in (
        ("ranks", "Ranks", _RANKS.format(last), rank_table(found, last)),
        ("saved", "Trials saved", _SAVINGS.format(ours), savings_table(found, ours, peers, last)),
        ("prices", "What proposals cost", _PRICES, price_table(runs, places)),
    ):
        sheet.add_card(Card(name, title, note=note, table=_card_table(table)))
    for result in found:
        sheet.add_card(
            Card(
                result.problem,
                result.problem,
                note=f"{result.family}, {result.use}. {_SHARES}",
                figure=_traces_figure(result),
                table=_card_table(share_table(result, checkpoints)),
            )
        )
    return sheet.html()


def _traces_figure(result: Result) -> str:
    figure = blank_figure(height=420)
    for index, (search, traces) in enumerate(result.traces.items()):
        if traces.shape[1]:
            places = np.arange(1.0, traces.shape[1] + 1)
            add_traces(figure, index, search, places, traces)
    figure.update_xaxes(**quiet_axis("trials", rangemode="tozero"))
    figure.update_yaxes(**quiet_axis("share of the best known hypervolume"))
    return figure_json(figure)


def _card_table(table: Table) -> CardTable:
    return CardTable(list(table.columns), [list(row) for row in table.rows])
