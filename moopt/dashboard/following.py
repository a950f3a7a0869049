"""How a page follows a study: it asks every second, and only the tab that is open is brought up."""

from collections.abc import Mapping

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from moopt.dashboard.card_desk import CardDesk
from moopt.dashboard.growth import is_quick
from moopt.dashboard.live import LiveStudies
from moopt.dashboard.study_page import Tab, facts, panel_id, revision_id
from moopt.dashboard.views import message
from moopt.errors import MooptError

DESK_OF = {"model": "model", "ax": "ax", "front": "growth"}
"""Which cards a tab shows."""


GROWTH = "growth"
"""A part of the first tab that is drawn after the front, so that this is there at once."""


def follow(app: Dash, live: LiveStudies, desk: CardDesk, tabs: Mapping[str, Tab]) -> None:
    """Ask for changes, and tell the tab that is open of them."""
    followers = [*tabs, GROWTH]

    @app.callback(
        output={
            "facts": Output("facts", "children"),
            "trouble": Output("trouble", "data"),
            "stamps": {tab: Output(revision_id(tab), "data") for tab in followers},
        },
        inputs={
            "_ticks": Input("clock", "n_intervals"),
            "tab": Input("tab", "data"),
            "study": State("study", "data"),
            "trouble": State("trouble", "data"),
            "known": {tab: State(revision_id(tab), "data") for tab in followers},
        },
        prevent_initial_call=True,
    )
    def poll(
        _ticks: int, tab: str, study: str, trouble: str, known: dict[str, object]
    ) -> dict[str, object]:
        stamps: dict[str, object] = dict.fromkeys(followers, no_update)
        try:
            stamp = stamp_of(live, desk, tab, study)
            open_now = [tab, GROWTH] if tab == "front" else [tab]
            if not trouble and all(known[each] == stamp for each in open_now):
                raise PreventUpdate
            told = facts(live.snapshot(study))
        except MooptError as error:
            if trouble == str(error):
                raise PreventUpdate from error
            words = message(f"What you see may be old: {error}", kind="problem")
            return {"facts": words, "trouble": str(error), "stamps": stamps}
        stamps |= {each: stamp for each in open_now if known[each] != stamp}
        return {"facts": told, "trouble": "", "stamps": stamps}

    for key, tab in tabs.items():
        _open_late(app, live, key, tab)


def stamp_of(live: LiveStudies, desk: CardDesk, tab: str, study: str) -> list[object]:
    """Return what changes whenever a tab has something new to show."""
    stamp: list[object] = [live.revision(study)]
    if tab not in DESK_OF:
        return stamp
    snapshot = live.snapshot(study)
    if tab == "front" and is_quick(snapshot.study, len(snapshot.points.all)):
        return stamp
    return stamp + desk.ask(DESK_OF[tab], snapshot).stamp


def _open_late(app: Dash, live: LiveStudies, key: str, tab: Tab) -> None:
    """Make a tab when it is opened for the first time."""

    @app.callback(
        Output(panel_id(key), "children"),
        Input("tab", "data"),
        State(panel_id(key), "children"),
        State("study", "data"),
        prevent_initial_call=True,
    )
    def make(opened: str, children: object, study: str) -> object:
        if opened != key or children is not None:
            raise PreventUpdate
        return tab.panel(live.snapshot(study))
