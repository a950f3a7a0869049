"""The list of all studies in the store."""

from collections.abc import Callable

from dash import dcc, html

from moopt.dashboard.growth import is_quick
from moopt.dashboard.live import LiveStudies
from moopt.dashboard.marks import counts_text
from moopt.dashboard.views import message, table
from moopt.errors import MooptError
from moopt.reports.best import reached_text
from moopt.reports.formatting import ABSENT


def studies_page(live: LiveStudies, address: Callable[[str], str]) -> html.Div:
    """Return the list, with the address of each study.

    Args:
        live: The studies.
        address: From a name to the path of its page.
    """
    names = live.names()
    if not names:
        return html.Div(
            [
                html.H1("Studies"),
                message("The store has no study yet: `moopt run STUDY` adds one. Then reload."),
            ]
        )
    columns = ["study", "trials", "on the front", "reached", "objectives"]
    return html.Div(
        [
            html.H1("Studies"),
            table(columns, [_row(live, name, address(name)) for name in names]),
        ]
    )


def _row(live: LiveStudies, name: str, address: str) -> list[object]:
    link = dcc.Link(name, href=address)
    try:
        snapshot = live.snapshot(name)
    except MooptError as error:
        return [link, f"cannot be read: {error}", ABSENT, ABSENT, ABSENT]
    reached = ABSENT
    if snapshot.front.trials and is_quick(snapshot.study, len(snapshot.points.all)):
        reached = reached_text(snapshot.front)
    return [
        link,
        f"{len(snapshot.trials)}: {counts_text(snapshot) or 'none yet'}",
        str(len(snapshot.front.trials)),
        reached,
        ", ".join(objective.name for objective in snapshot.study.objectives),
    ]
