"""The tab of the front: every trial among the objectives, and how the front grew."""

from typing import Any

import plotly.graph_objects as go
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from moopt.dashboard.axes import OUTCOME, axes_of, axis_named
from moopt.dashboard.card_desk import CardDesk
from moopt.dashboard.front_figures import Look, plane_figure, space_figure
from moopt.dashboard.growth import growth, is_quick
from moopt.dashboard.live import LiveStudies, Snapshot
from moopt.dashboard.many_figures import lines_figure, matrix_figure
from moopt.dashboard.marks import DOMINATED, FAILED, INFEASIBLE, LOWER, RUNNING, STOPPED
from moopt.dashboard.study_page import revision_id
from moopt.dashboard.views import (
    choices,
    empty_figure,
    field,
    figure_data,
    figure_id,
    figure_view,
    table,
)
from moopt.reports.best import has_one_objective
from moopt.reports.best_plots import progress_figure
from moopt.reports.formatting import quantity_text, value_text
from moopt.study.trials import Trial, TrialState

PROGRESS, PLANE, SPACE, LINES, MATRIX = "progress", "plane", "space", "lines", "matrix"
VIEWS = {
    PROGRESS: "progress",
    PLANE: "plane",
    SPACE: "space",
    LINES: "parallel lines",
    MATRIX: "matrix",
}
MOST_IN_MATRIX = 9
NOTHING_MEASURED = "no trial has been measured yet"
HIDEABLE = (DOMINATED, INFEASIBLE, LOWER, STOPPED, RUNNING, FAILED)


def panel(snapshot: Snapshot) -> html.Div:
    """Return the tab with its first figure in it."""
    view = first_view(snapshot)
    axes = [{"label": axis.title, "value": axis.key} for axis in axes_of(snapshot.study)]
    return html.Div(
        [
            html.Div(_controls(snapshot, view, axes), className="controls"),
            figure_view(
                "front",
                "The front",
                front_figure(snapshot, view=view, axes=_first_axes(snapshot)),
                is_first=True,
            ),
            html.Div(_below(snapshot), id="front-below"),
            *_growth_section(snapshot),
        ]
    )


def register(app: Dash, live: LiveStudies, desk: CardDesk) -> None:
    """Keep the tab up to date with the study and its controls."""

    @app.callback(
        output=[Output(figure_id("front"), "data"), Output("front-below", "children")],
        inputs={
            "_revision": Input(revision_id("front"), "data"),
            "controls": {
                name: Input(f"front-{name}", "value")
                for name in ("view", "x", "y", "z", "values", "shown")
            },
            "study": State("study", "data"),
        },
        prevent_initial_call=True,
    )
    def draw(_revision: object, controls: dict[str, Any], study: str) -> list[object]:
        snapshot = live.snapshot(study)
        figure = front_figure(
            snapshot,
            view=controls["view"],
            axes=(controls["x"], controls["y"], controls["z"]),
            held_out=controls["values"] == "held-out",
            hidden=frozenset(HIDEABLE) - set(controls["shown"]),
        )
        return [figure_data(figure), _below(snapshot)]

    @app.callback(
        Output("front-field-y", "hidden"),
        Output("front-field-x", "hidden"),
        Output("front-field-z", "hidden"),
        Output("front-field-values", "hidden"),
        Output("front-field-shown", "hidden"),
        Input("front-view", "value"),
    )
    def fields(view: str) -> tuple[bool, bool, bool, bool, bool]:
        return hidden_fields(view)

    @app.callback(
        Output("growth-place", "children"),
        Input(revision_id("growth"), "data"),
        Input("growth-over", "value"),
        State("study", "data"),
        prevent_initial_call=True,
    )
    def grow(_stamp: object, over: str, study: str) -> Component:
        figure = growth_now(live.snapshot(study), desk, over_time=over == "time")
        return figure_view("growth", "Hypervolume of the front", figure)


def hidden_fields(view: str) -> tuple[bool, bool, bool, bool, bool]:
    """Return which controls a view does without: x, y and z axis, the data, the kinds of trials."""
    has_plane, is_progress = view in {PLANE, SPACE}, view == PROGRESS
    return not has_plane, not has_plane, view != SPACE, is_progress, is_progress


def first_view(snapshot: Snapshot) -> str:
    """Return how a study is shown at first, by how many objectives it has."""
    match len(snapshot.study.objectives):
        case 1:
            return PROGRESS
        case 2:
            return PLANE
        case 3:
            return SPACE
        case _:
            return LINES


def front_figure(
    snapshot: Snapshot,
    *,
    view: str,
    axes: tuple[str | None, str | None, str | None],
    held_out: bool = False,
    hidden: frozenset[str] = frozenset(),
) -> go.Figure:
    """Return the figure of the front.

    Args:
        snapshot: The study.
        view: One of `VIEWS`.
        axes: Keys of the axes of the plane and of space.
        held_out: Measurements on held-out data rather than those of the search.
        hidden: Labels of trials that are left out.
    """
    study = snapshot.study
    if not snapshot.trials:
        return empty_figure("no trial yet: they appear here as a run starts them")
    is_progress = view == PROGRESS and has_one_objective(study)
    if held_out and not is_progress and not any(trial.held_out for trial in snapshot.trials):
        return empty_figure("nothing was measured on held-out data yet: a run does that at its end")
    chosen = tuple(axis_named(study, key, place) for place, key in enumerate(axes))
    everything = [axis for axis in axes_of(study) if axis.kind == OUTCOME]
    match view:
        case _ if is_progress:
            if not snapshot.points.all:
                return empty_figure(nothing_measured(snapshot))
            return progress_figure(snapshot.points)
        case _ if view == SPACE:
            figure = space_figure(snapshot, Look(chosen, held_out=held_out, hidden=hidden))
        case _ if view in {LINES, MATRIX}:
            draw, most = (lines_figure, None) if view == LINES else (matrix_figure, MOST_IN_MATRIX)
            figure = draw(
                snapshot, Look(tuple(everything[:most]), held_out=held_out, hidden=hidden)
            )
        case _:
            figure = plane_figure(snapshot, Look(chosen, held_out=held_out, hidden=hidden))
    return figure if has_trials(figure) else empty_figure(nothing_measured(snapshot))


def has_trials(figure: go.Figure) -> bool:
    """Say whether a figure has a trial in it, rather than a reference point alone."""
    return any(trace.customdata is not None for trace in figure.data)


def nothing_measured(snapshot: Snapshot) -> str:
    """Return why there is nothing among the objectives."""
    failed = sum(trial.state is TrialState.FAILED for trial in snapshot.trials)
    if failed == len(snapshot.trials):
        return f"all {quantity_text(failed, 'trial')} failed: the tab Trials says why"
    return NOTHING_MEASURED


def growth_now(snapshot: Snapshot, desk: CardDesk, *, over_time: bool) -> go.Figure | str:
    """Return the figure of the hypervolume, or what stands there while it is computed."""
    if is_quick(snapshot.study, len(snapshot.points.all)):
        figure = growth(snapshot.study, snapshot.trials, over_time=over_time)
        return figure or empty_figure(NOTHING_MEASURED)
    hand = desk.ask("growth", snapshot)
    name = "growth-over-time" if over_time else "growth"
    figures = [card.figure for card in hand.cards if card.name == name]
    words = hand.problem or (NOTHING_MEASURED if hand.is_done else "computing …")
    return figures[0] if figures else empty_figure(words)


def _first_axes(snapshot: Snapshot) -> tuple[str, str, str]:
    keys = [axis.key for axis in axes_of(snapshot.study)]
    x, y, z = (keys[min(place, len(keys) - 1)] for place in range(3))
    return x, y, z


def _controls(snapshot: Snapshot, view: str, axes: list[dict[str, str]]) -> list[Component]:
    first = _first_axes(snapshot)
    views = [
        {"label": label, "value": name}
        for name, label in VIEWS.items()
        if name != PROGRESS or has_one_objective(snapshot.study)
    ]
    return [
        choices("View", dcc.RadioItems(views, view, id="front-view", inline=True)),
        *(
            html.Div(
                field(
                    f"{name} axis",
                    dcc.Dropdown(axes, first[place], id=f"front-{name}", clearable=False),
                ),
                id=f"front-field-{name}",
            )
            for place, name in enumerate("xyz")
        ),
        html.Div(choices("Measured on", _values_control()), id="front-field-values"),
        html.Div(
            choices(
                "Beside the front, show",
                dcc.Checklist(list(HIDEABLE), list(HIDEABLE), id="front-shown", inline=True),
            ),
            id="front-field-shown",
        ),
    ]


def _values_control() -> Component:
    values = [
        {"label": "data of the search", "value": "search"},
        {"label": "held-out data", "value": "held-out"},
    ]
    return dcc.RadioItems(values, "search", id="front-values", inline=True)


def _below(snapshot: Snapshot) -> list[Component]:
    """Return what has no place in the figure: trials that run or failed."""
    running = [trial for trial in snapshot.trials if trial.state is TrialState.RUNNING]
    failed = sum(trial.state is TrialState.FAILED for trial in snapshot.trials)
    parts: list[Component] = []
    if failed:
        words = f"{quantity_text(failed, 'trial')} failed, which the tab Trials explains."
        parts.append(html.P(words, className="quiet"))
    if running:
        parts.append(
            table(
                ["running", "sampler", "parameters"],
                [(f"trial {t.number}", t.sampler, _parameters(t)) for t in running],
                caption=f"{quantity_text(len(running), 'trial')} running",
            )
        )
    return parts


def _parameters(trial: Trial) -> str:
    return ", ".join(f"{name} = {value_text(value)}" for name, value in trial.parameters.items())


def _growth_section(snapshot: Snapshot) -> list[Component]:
    if has_one_objective(snapshot.study):
        return []
    return [
        html.H2("How the front grew"),
        html.P(
            "Hypervolume is the part of the objective space that the front dominates, counted from "
            "the reference point.",
            className="quiet",
        ),
        html.Div(
            choices(
                "Over",
                dcc.RadioItems(
                    [
                        {"label": "trials", "value": "trials"},
                        {"label": "time", "value": "time"},
                    ],
                    "trials",
                    id="growth-over",
                    inline=True,
                ),
            ),
            className="controls",
        ),
        html.Div(id="growth-place"),
    ]
