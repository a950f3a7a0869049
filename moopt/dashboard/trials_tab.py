"""The tab of the trials: a table to sort and filter, failures, one trial in full, curves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dash_ag_grid as dag
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from moopt.dashboard.live import LiveStudies, Snapshot
from moopt.dashboard.study_page import revision_id
from moopt.dashboard.trial_logs import log_ends
from moopt.dashboard.trial_rows import columns_of, rows_of, seconds_of
from moopt.dashboard.views import aria, field, figure_view, message, table
from moopt.reports.advice import advice
from moopt.reports.best import numbers_text
from moopt.reports.failures import failure_groups
from moopt.reports.formatting import (
    decimals_for,
    duration_text,
    measurement_text,
    shortened,
    value_text,
)
from moopt.reports.partial_plots import partial_figure
from moopt.reports.tables import outcome_names, outcome_title
from moopt.reports.timeline import timeline_figure
from moopt.study.trials import Trial, TrialState

MOST_OF_MESSAGE = 400
MOST_IN_TIME = 600
"""Trials of the time line, the latest."""


def panel(snapshot: Snapshot) -> html.Div:
    """Return the tab."""
    grid = dag.AgGrid(
        id="trials-grid",
        rowData=rows_of(snapshot),
        columnDefs=columns_of(snapshot),
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": False},
        getRowId="params.data.id",
        dashGridOptions={
            "rowSelection": {
                "mode": "singleRow",
                "checkboxes": False,
                "enableClickSelection": True,
            },
            "animateRows": False,
            "enableCellTextSelection": True,
            "tooltipShowDelay": 300,
        },
        style={"height": "520px"},
        dangerously_allow_code=False,
    )
    search = dcc.Input(
        id="trials-filter", type="search", placeholder="a number, state, value …", debounce=False
    )
    return html.Div(
        [
            html.Div(_failures(snapshot), id="trials-failures"),
            html.Div(field("Show trials that contain", search), className="controls apart"),
            grid,
            html.P("Choose a row to see one trial in full.", className="quiet note"),
            html.Div(id="trials-detail", role="region", **aria(live="polite")),
            html.Div(_figures(snapshot), id="trials-figures"),
        ]
    )


def register(app: Dash, live: LiveStudies, artifacts: Path | None) -> None:
    """Keep the tab up to date with the study and its controls.

    Args:
        app: The application.
        live: The studies.
        artifacts: The folder with a folder for each study, and in it one for each trial.
    """

    @app.callback(
        Output("trials-grid", "rowData"),
        Output("trials-grid", "columnDefs"),
        Output("trials-failures", "children"),
        Output("trials-figures", "children"),
        Input(revision_id("trials"), "data"),
        State("trials-grid", "columnDefs"),
        State("study", "data"),
        prevent_initial_call=True,
    )
    def fill(
        _revision: object, known: list[dict[str, Any]], study: str
    ) -> tuple[object, object, object, object]:
        snapshot = live.snapshot(study)
        columns = columns_of(snapshot)
        # Columns that did not change are not sent: that would undo what the reader did to them.
        shown = no_update if is_hiding_alike(known, columns) else columns
        return rows_of(snapshot), shown, _failures(snapshot), _figures(snapshot)

    @app.callback(
        Output("trials-grid", "dashGridOptions"),
        Input("trials-filter", "value"),
        State("trials-grid", "dashGridOptions"),
        prevent_initial_call=True,
    )
    def narrow(text: str | None, options: dict[str, Any]) -> dict[str, Any]:
        return options | {"quickFilterText": text or ""}

    @app.callback(
        Output("trials-detail", "children"),
        Input("trials-grid", "selectedRows"),
        Input(revision_id("trials"), "data"),
        State("study", "data"),
        prevent_initial_call=True,
    )
    def show(rows: list[dict[str, Any]] | None, _revision: object, study: str) -> object:
        if not rows:
            return None
        snapshot = live.snapshot(study)
        trial = snapshot.trial(int(rows[0]["number"]))
        if trial is None:
            return None
        folder = None if artifacts is None else artifacts / study / str(trial.number)
        return trial_view(snapshot, trial, folder)


def is_hiding_alike(known: list[dict[str, Any]], columns: list[dict[str, Any]]) -> bool:
    """Say whether two lists of columns have the same fields and hide the same of them."""
    one, two = (
        [(each.get("field"), bool(each.get("hide"))) for each in found]
        for found in (known, columns)
    )
    return one == two


def trial_view(snapshot: Snapshot, trial: Trial, folder: Path | None) -> html.Section:
    """Return one trial in full: what was tried, what came of it, what it wrote.

    Args:
        snapshot: The study.
        trial: One of its trials.
        folder: Where the trial's logs are, if anywhere.
    """
    parts: list[Component] = [html.H2(f"Trial {trial.number}, {trial.state.value}")]
    seconds = seconds_of(trial)
    told = [f"proposed by {trial.sampler or 'its user'}"]
    if seconds is not None:
        told.append(f"took {duration_text(seconds)}")
    if trial.attempts > 1:
        told.append(f"{trial.attempts} attempts")
    parts.append(html.P(", ".join(told), className="quiet"))
    if trial.failure is not None:
        parts += [
            html.P(f"What to do: {advice(trial.failure)}", className="message problem"),
            html.Pre(trial.failure.message, tabIndex=0),
        ]
    if trial.measurements or trial.held_out:
        parts.append(_measurements(snapshot, trial))
    parts.append(
        table(
            ["parameter", "value"],
            [(name, value_text(value)) for name, value in trial.parameters.items()],
            caption="what was tried",
        )
    )
    ends = [] if folder is None else list(log_ends(folder))
    for end in ends:
        cut = "" if end.is_whole else ", the end of it"
        parts += [html.H3(f"{end.path}{cut}"), html.Pre(end.text, tabIndex=0)]
    return html.Section(parts, className="detail")


def _measurements(snapshot: Snapshot, trial: Trial) -> html.Div:
    rows = []
    for name in outcome_names(snapshot.study):
        both = [trial.measurements.get(name), trial.held_out.get(name)]
        decimals = decimals_for(each for each in both if each is not None)
        rows.append(
            [
                outcome_title(snapshot.study, name),
                *(measurement_text(each, decimals) for each in both),
            ]
        )
    columns = ["outcome", "data of the search", "held-out data"]
    return table(columns, rows, caption="what was measured")


def _failures(snapshot: Snapshot) -> Sequence[Component]:
    groups = failure_groups(snapshot.trials)
    if not groups:
        return []
    if len(groups) == 1 and len(groups[0].trials) == len(snapshot.trials):
        lead = [message("Every trial failed.", kind="problem")]
    else:
        lead = []
    rows = [
        (
            group.title,
            str(len(group.trials)),
            numbers_text(group.trials),
            shortened(group.message, MOST_OF_MESSAGE),
            group.advice,
        )
        for group in groups
    ]
    columns = ["failure", "count", "trials", "last message", "what to do"]
    return [*lead, table(columns, rows, caption="Failures")]


def _figures(snapshot: Snapshot) -> Sequence[Component]:
    """Return who was busy when, and what trials reported on the way."""
    parts: list[Component] = []
    recent = snapshot.trials[-MOST_IN_TIME:]
    if any(trial.started is not None for trial in recent):
        is_running = any(trial.state is TrialState.RUNNING for trial in recent)
        figure = timeline_figure(recent, now=datetime.now(UTC) if is_running else None)
        figure.update_layout(uirevision="timeline")
        note = "A bar is a trial, on the worker that ran it."
        if len(recent) < len(snapshot.trials):
            note += f" The latest {MOST_IN_TIME} trials are shown."
        parts += [
            html.H2("Who was busy when"),
            html.P(note, className="quiet"),
            figure_view("timeline", "Who was busy when", figure),
        ]
    curves = partial_figure(snapshot.study, snapshot.trials)
    if curves is not None:
        curves.update_layout(uirevision="partial")
        parts += [
            html.H2("Partial results"),
            html.P("A line is a trial, from its first report to its last.", className="quiet"),
            figure_view("partial", "What trials reported on the way", curves),
        ]
    return parts
