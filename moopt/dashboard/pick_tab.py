"""The tab of the choice: preferences, bounds, the command that exports, a button that does it."""

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html
from dash.dependencies import ALL
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from moopt.dashboard.exports import Exports
from moopt.dashboard.live import LiveStudies, Snapshot
from moopt.dashboard.pick_view import choice_view, pick_figure
from moopt.dashboard.picking import (
    KNEE,
    PREFERENCES,
    TRIAL,
    Wish,
    bound_words,
    choose,
    export_command,
)
from moopt.dashboard.study_page import revision_id
from moopt.dashboard.views import (
    aria,
    choices,
    field,
    figure_data,
    figure_id,
    figure_view,
    graph_id,
    message,
)
from moopt.errors import MooptError
from moopt.study.objectives import Objective

FIGURE = "pick"
WAYS = {
    KNEE: "the knee: gives up least for what it gains",
    PREFERENCES: "what matters how much",
    TRIAL: "one of the front",
}


def panel(snapshot: Snapshot, *, can_export: bool) -> html.Div:
    """Return the tab.

    Args:
        snapshot: The study.
        can_export: Whether there is a button that writes the model.
    """
    return html.Div(
        [
            dcc.Store(id="pick-number"),
            html.Div(
                [
                    html.Div(_controls(snapshot), className="aside"),
                    html.Div(
                        [
                            figure_view(FIGURE, "The front and the chosen trial"),
                            html.Div(id="pick-chosen", **aria(live="polite")),
                            *_export(can_export=can_export),
                        ]
                    ),
                ],
                className="two",
            ),
        ]
    )


def register(app: Dash, live: LiveStudies, store: str) -> None:
    """Keep the tab up to date with the study and its controls.

    Args:
        app: The application.
        live: The studies.
        store: As the command that exports names it.
    """

    @app.callback(
        output={
            "figure": Output(figure_id(FIGURE), "data"),
            "chosen": Output("pick-chosen", "children"),
            "command": Output("pick-command", "children"),
            "number": Output("pick-number", "data"),
        },
        inputs={
            "_revision": Input(revision_id("pick"), "data"),
            "controls": {
                "way": Input("pick-way", "value"),
                "weights": Input({"type": "weight", "name": ALL}, "value"),
                "bounds": Input({"type": "bound", "name": ALL}, "value"),
                "trial": Input("pick-trial", "value"),
            },
            "study": State("study", "data"),
        },
    )
    def pick(_revision: object, controls: dict[str, Any], study: str) -> dict[str, object]:
        snapshot = live.snapshot(study)
        choice = choose(snapshot, wish_of(snapshot, controls))
        number = choice.trial.number if choice.trial else None
        return {
            "figure": figure_data(pick_figure(snapshot, choice)),
            "chosen": choice_view(snapshot, choice),
            "command": "" if number is None else export_command(study, number, store),
            "number": number,
        }

    _wire_controls(app, live)


def register_exports(app: Dash, exports: Exports) -> None:
    """Let the page write models. Not called where it may change nothing."""

    @app.callback(
        Output("pick-exported", "children"),
        Output("export-clock", "disabled"),
        Output("pick-export", "disabled"),
        Input("pick-export", "n_clicks"),
        Input("export-clock", "n_intervals"),
        Input("pick-number", "data"),
        State("study", "data"),
        prevent_initial_call=True,
    )
    def write(
        _clicks: object, _ticks: object, number: int | None, study: str
    ) -> tuple[object, bool, bool]:
        refused = []
        # One call tells of a press and of a new choice, where both come at once.
        if "pick-export.n_clicks" in ctx.triggered_prop_ids and number is not None:
            try:
                exports.start(study, number)
            except MooptError as error:
                refused = [message(str(error), kind="problem")]
        found = exports.progress(study)
        busy = {each.number for each in found if not each.is_done}
        told = [message(each.text, kind=each.kind) for each in found]
        return refused + told, not busy, number is None or number in busy


def _wire_controls(app: Dash, live: LiveStudies) -> None:
    @app.callback(
        Output("pick-way", "value"),
        Output("pick-trial", "value"),
        Input(graph_id(FIGURE), "clickData"),
        prevent_initial_call=True,
    )
    def press(pressed: dict[str, Any] | None) -> tuple[str, int]:
        number = pressed_number(pressed)
        if number is None:
            raise PreventUpdate
        return TRIAL, number

    @app.callback(
        Output("pick-trial", "options"),
        Input(revision_id("pick"), "data"),
        State("pick-trial", "value"),
        State("study", "data"),
    )
    def options(_revision: object, number: int | None, study: str) -> list[dict[str, Any]]:
        return trial_options(live.snapshot(study), number)

    @app.callback(
        Output("pick-by-weights", "hidden"),
        Output("pick-by-trial", "hidden"),
        Input("pick-way", "value"),
    )
    def fields(way: str) -> tuple[bool, bool]:
        return way != PREFERENCES, way != TRIAL


def pressed_number(pressed: Mapping[str, Any] | None) -> int | None:
    """Return the number of the trial whose point was pressed; None: it is no trial's."""
    points = (pressed or {}).get("points") or [{}]
    number = points[0].get("customdata")
    return None if number is None else int(number)


def trial_options(snapshot: Snapshot, number: int | None) -> list[dict[str, Any]]:
    """Return the trials to choose from: the front, and the chosen one though it has left it."""
    on_front = [trial.number for trial in snapshot.front.trials]
    found = [{"label": f"trial {each}", "value": each} for each in on_front]
    if number is not None and number not in on_front:
        found.append({"label": f"trial {number}, no longer on the front", "value": number})
    return found


def wish_of(snapshot: Snapshot, controls: Mapping[str, Any]) -> Wish:
    """Return what the controls say: `way`, `weights`, `bounds`, and the number of a `trial`."""
    names = [objective.name for objective in snapshot.study.objectives]
    return Wish(
        controls["way"],
        weights={n: float(w) for n, w in zip(names, controls["weights"], strict=True) if w},
        bounds={
            n: float(b) for n, b in zip(names, controls["bounds"], strict=True) if b is not None
        },
        number=controls["trial"],
    )


def _controls(snapshot: Snapshot) -> list[Component]:
    objectives = snapshot.study.objectives
    ways = [{"label": label, "value": way} for way, label in WAYS.items()]
    trials = dcc.Dropdown(trial_options(snapshot, None), id="pick-trial", placeholder="a number")
    return [
        choices("Choose by", dcc.RadioItems(ways, KNEE, id="pick-way")),
        html.Div([_weight(each) for each in objectives], id="pick-by-weights", hidden=True),
        html.Div(field("Trial", trials), id="pick-by-trial", hidden=True),
        html.Fieldset(
            [
                html.Legend("Only trials with"),
                *(_bound(snapshot, each) for each in objectives),
            ],
            className="field bounds",
        ),
        html.P("Or press a point of the figure.", className="quiet note"),
    ]


def _weight(objective: Objective) -> html.Div:
    slider = dcc.Slider(
        0, 100, 5, value=50, id={"type": "weight", "name": objective.name}, marks=None
    )
    words = f"How much {objective.name} matters"
    return html.Div(
        [html.Span(words, className="label"), slider],
        className="field",
        role="group",
        **aria(label=words),
    )


def _bound(snapshot: Snapshot, objective: Objective) -> html.Label:
    values = [trial.measurements[objective.name].mean for trial in snapshot.front.trials]
    between = f"on the front {min(values):.4g} to {max(values):.4g}" if values else ""
    box = dcc.Input(
        id={"type": "bound", "name": objective.name},
        type="number",
        step="any",
        debounce=0.4,
    )
    words = [html.Span(bound_words(objective)), html.Small(between)]
    return html.Label([html.Span(words, className="words"), box])


def _export(*, can_export: bool) -> list[Component]:
    parts: list[Component] = [
        html.H2("Take its model"),
        html.P(
            [
                "The study file needs a function ",
                html.Code("export"),
                ". The folder is made where the command runs.",
            ],
            className="quiet",
        ),
        html.Div(
            [
                html.Pre(id="pick-command", tabIndex=0),
                dcc.Clipboard(target_id="pick-command", title="Copy the command", className="copy"),
            ],
            className="command",
        ),
    ]
    if can_export:
        parts += [
            html.Button("Export this model", id="pick-export", className="action", type="button"),
            dcc.Interval(id="export-clock", interval=700, disabled=True),
            html.Div(id="pick-exported", role="status"),
        ]
    return parts
