"""The HTML page of a comparison."""

from html import escape

from moopt.reports.cards import Card
from moopt.reports.comparison import Comparison
from moopt.reports.comparison_plots import (
    attainment_figure,
    final_table,
    times_figure,
    trials_figure,
)
from moopt.reports.formatting import quantity_text
from moopt.reports.sheet import Sheet, html_table

_TRIALS = (
    "The median of each group, with quartiles where it has three runs or more, up to the shortest "
    "run of the group. All from one reference point. What failed takes its place and adds nothing."
)
_TIMES = "The same over time, up to the run of the group that ended first."
_ATTAINED = (
    "The thick line is the median front: half of the runs attain it or better. The thin ones are "
    "attained by three quarters and by a quarter of the runs."
)
_FINAL = (
    "In the end, and after as many trials as every run has. The last column is the share of pairs "
    "of runs, one of this group and one of another, in which this one is ahead by then."
)


def comparison_page(comparison: Comparison) -> str:
    """Return the page of a comparison as HTML."""
    names = [group.name for group in comparison.groups]
    sheet = Sheet(" against ".join(names) if len(names) < 4 else f"{len(names)} searches")
    runs = sum(len(group.growths) for group in comparison.groups)
    sheet.add(
        f"<header>\n<h1>{escape(sheet.title)}</h1>\n"
        f'<p class="question">{quantity_text(runs, "run")} in '
        f"{quantity_text(len(names), 'group')}.</p>\n{_objectives(comparison)}</header>"
    )
    sheet.add_card(Card("final", "What they reached", note=_FINAL, table=final_table(comparison)))
    if comparison.trials:
        sheet.add_section("Over trials", _TRIALS, [trials_figure(comparison)])
        over_time = times_figure(comparison)
        if over_time is not None:
            sheet.add_section("Over time", _TIMES, [over_time])
        attained = attainment_figure(comparison)
        if attained is not None:
            sheet.add_section("What the runs attain", _ATTAINED, [attained])
    else:
        sheet.add("<p>No trial of one of the runs has ended yet, so there is nothing to draw.</p>")
    return sheet.html()


def _objectives(comparison: Comparison) -> str:
    rows = [
        f'<tr><th scope="row">{escape(each.name)}</th><td class="text">{each.direction.value}</td>'
        f"<td>{'' if each.reference is None else f'{each.reference:.6g}'}</td></tr>"
        for each in comparison.study.objectives
    ]
    head = ["<th>objective</th>", '<th class="text">wanted</th>', "<th>reference point</th>"]
    return html_table(head, rows)
