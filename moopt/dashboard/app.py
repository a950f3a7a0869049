"""The web application: one page for each study, kept up to date while its runs go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from urllib.parse import quote, unquote

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.dependencies import ALL, MATCH
from dash.development.base_component import Component
from flask import Response, request

from moopt.dashboard import cards_tab, front_tab, pick_tab, trials_tab
from moopt.dashboard.access import Access, guard
from moopt.dashboard.card_desk import CardDesk
from moopt.dashboard.cards_tab import cards_panel
from moopt.dashboard.exports import Exports
from moopt.dashboard.following import follow
from moopt.dashboard.live import LiveStudies
from moopt.dashboard.studies_page import studies_page
from moopt.dashboard.study_page import Tab, study_page
from moopt.dashboard.views import figure_id, graph_id, later_id, message, place_id
from moopt.errors import MooptError
from moopt.study.loading import question_of

POLL_MILLISECONDS = 1000
STUDY_PATH = "/study/"
MODEL_LEAD = "What the search has learned: how well it predicts, and what the parameters do."
AX_LEAD = "Analyses of Ax, computed from the same trials."
EARLY = (
    "/_dash-component-suites/plotly/package_data/plotly.min.js",
    "/_dash-component-suites/dash/dcc/async-graph.js",
    "/_dash-component-suites/dash/dcc/async-dropdown.js",
)
"""Scripts without which no figure is drawn."""

CARDS: Mapping[str, str] = {
    "model": "moopt.reports.model_cards:model_cards",
    "ax": "moopt.export.ax_cards:ax_cards",
    "growth": "moopt.dashboard.growth:growth_cards",
}
"""What makes the cards of each tab."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What there is to show, and what readers may do."""

    live: LiveStudies
    desk: CardDesk
    store: str
    """As commands name it."""

    artifacts: Path | None = None
    """Folder with what trials left behind. None: it is not known."""

    exports: Exports | None = None
    """None: the page changes nothing."""

    def close(self) -> None:
        """End what is being computed."""
        self.desk.close()
        if self.exports is not None:
            self.exports.close()


def web_application(dashboard: Dashboard, access: Access) -> Dash:
    """Return the application, guarded."""
    app = Dash(
        "moopt",
        title="moopt",
        update_title="",
        assets_folder=str(resources.files("moopt.dashboard").joinpath("assets")),
        suppress_callback_exceptions=True,
        csrf_token_name=access.csrf_cookie,
        enable_mcp=False,
        on_error=_leave_as_it_is,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = _shell()
    tabs = tabs_of(dashboard)
    _route(app, dashboard.live, tabs)
    follow(app, dashboard.live, dashboard.desk, tabs)
    _wire_page(app)
    _register(app, dashboard)
    _preload(app, dashboard.live)
    guard(app.server, access, script_hashes=list(app.csp_hashes()))
    return app


def tabs_of(dashboard: Dashboard) -> dict[str, Tab]:
    """Return the tabs by name, in their order."""
    can_export = dashboard.exports is not None
    return {
        "front": Tab("Front", front_tab.panel),
        "pick": Tab("Pick", partial(pick_tab.panel, can_export=can_export)),
        "trials": Tab("Trials", trials_tab.panel),
        "model": Tab("Model", cards_panel("model", MODEL_LEAD)),
        "ax": Tab("Ax", cards_panel("ax", AX_LEAD)),
    }


def _register(app: Dash, dashboard: Dashboard) -> None:
    live = dashboard.live
    front_tab.register(app, live, dashboard.desk)
    pick_tab.register(app, live, dashboard.store)
    trials_tab.register(app, live, dashboard.artifacts)
    for tab in ("model", "ax"):
        cards_tab.register(app, live, dashboard.desk, tab)
    if dashboard.exports is not None:
        pick_tab.register_exports(app, dashboard.exports)


def _leave_as_it_is(error: Exception) -> None:
    """Let a part of the page stand that cannot be drawn anew: what asks every second says why."""
    if not isinstance(error, MooptError):
        raise error


def study_address(name: str) -> str:
    """Return the path of a study's page."""
    return STUDY_PATH + quote(name, safe="")


def _preload(app: Dash, live: LiveStudies) -> None:
    """Make browsers fetch at once what Dash asks for when a figure is there."""
    links = ", ".join(f"<{path}>; rel=preload; as=script; fetchpriority=low" for path in EARLY)

    def announce(response: Response) -> Response:
        has_figure = live.only is not None or request.path.startswith(STUDY_PATH)
        if has_figure and response.mimetype == "text/html":
            response.headers["Link"] = links
        return response

    app.server.after_request(announce)


def _shell() -> html.Div:
    return html.Div(
        [
            dcc.Location(id="place", refresh=False),
            dcc.Interval(id="clock", interval=POLL_MILLISECONDS),
            dcc.Store(id="theme"),
            html.A("Skip to the content", href="#page", className="skip"),
            html.Header(
                [
                    dcc.Link("moopt", href="/", className="brand"),
                    html.Button("Dark", id="theme-button", className="plain", type="button"),
                ]
            ),
            html.Main(id="page", tabIndex=-1),
            html.Div(
                "The server does not answer: what you see may be old. Start it again, then reload.",
                id="away",
                role="alert",
                hidden=True,
            ),
        ]
    )


def _route(app: Dash, live: LiveStudies, tabs: Mapping[str, Tab]) -> None:
    @app.callback(Output("page", "children"), Input("place", "pathname"))
    def page(path: str | None) -> Component:
        name = live.only
        if path is not None and path.startswith(STUDY_PATH):
            name = unquote(path.removeprefix(STUDY_PATH))
        if name is None:
            return studies_page(live, study_address)
        try:
            snapshot = live.snapshot(name)
            return study_page(snapshot, tabs, question=question_of(snapshot.path))
        except MooptError as error:
            return message(str(error), kind="problem")


def _wire_page(app: Dash) -> None:
    """Wire what happens in the browser alone: see assets/page.js."""
    app.clientside_callback(
        ClientsideFunction("moopt", "paint"),
        Output(graph_id(MATCH), "figure"),
        Input(figure_id(MATCH), "data"),
        Input("theme", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("moopt", "later"),
        Output(place_id(MATCH), "children"),
        Input(later_id(MATCH), "data"),
    )
    app.clientside_callback(
        ClientsideFunction("moopt", "theme"),
        Output("theme", "data"),
        Output("theme-button", "children"),
        Input("theme-button", "n_clicks"),
    )
    app.clientside_callback(
        ClientsideFunction("moopt", "open"),
        Output("tab", "data"),
        Output({"type": "tab", "name": ALL}, "aria-selected"),
        Output({"type": "tab", "name": ALL}, "tabIndex"),
        Output({"type": "panel", "name": ALL}, "hidden"),
        Input({"type": "tab", "name": ALL}, "n_clicks"),
        State("tab", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("moopt", "name"),
        Output("study-name", "title"),
        Input("study-name", "children"),
    )
