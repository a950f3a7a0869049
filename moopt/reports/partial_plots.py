"""What trials reported on the way: each outcome over the fidelity."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from moopt.reports.figures import blank_figure, needs_width, quiet_axis
from moopt.reports.formatting import number_text
from moopt.reports.points import INKS, Ink, Role
from moopt.reports.tables import outcome_names
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

COLUMNS, PANEL = 3, 280
MOST_CURVES = 200
BRIGHT, FAINT = 1.0, 0.35


def partial_figure(
    study: Study, trials: Sequence[Trial], *, chosen: int | None = None
) -> go.Figure | None:
    """Draw the curves of trials, one panel an outcome; None where nobody reported anything.

    Args:
        study: Its fidelity names the axis.
        trials: The curves to draw; of many only those with the latest numbers.
        chosen: Number of the trial that stands out. None: none does.
    """
    curves = [trial for trial in trials if trial.partial][-MOST_CURVES:]
    if chosen is not None:
        curves += [each for each in trials if each.number == chosen and each not in curves]
    names = [name for name in outcome_names(study) if any(_points(each, name) for each in curves)]
    if not names:
        return None
    rows = math.ceil(len(names) / COLUMNS)
    columns = min(len(names), COLUMNS)
    figure = blank_figure(height=60 + PANEL * rows, legend=False)
    figure.set_subplots(rows=rows, cols=columns, horizontal_spacing=0.09, vertical_spacing=0.2)
    needs_width(figure, 240 * columns)
    axis = "fidelity" if study.fidelity is None else study.fidelity.name
    for index, name in enumerate(names):
        place = {"row": index // COLUMNS + 1, "col": index % COLUMNS + 1}
        for trial in curves:
            _add_curve(figure, trial, name, is_chosen=trial.number == chosen, place=place)
        figure.update_xaxes(**quiet_axis(axis, nticks=5), **place)
        figure.update_yaxes(**quiet_axis(name, nticks=5), **place)
    return figure


def _points(trial: Trial, name: str) -> list[tuple[float, Measurement]]:
    """Return the curve of a trial, up to what it came to in the end."""
    curve = {fidelity: found[name] for fidelity, found in trial.partial.items() if name in found}
    if trial.fidelity is not None and name in trial.measurements:
        curve[trial.fidelity] = trial.measurements[name]
    return sorted(curve.items(), key=lambda pair: pair[0])


def _add_curve(
    figure: go.Figure, trial: Trial, name: str, *, is_chosen: bool, place: dict[str, int]
) -> None:
    curve = _points(trial, name)
    if not curve:
        return
    ink = _ink(trial, is_chosen=is_chosen)
    figure.add_scatter(
        x=[fidelity for fidelity, _ in curve],
        y=[each.mean for _, each in curve],
        mode="lines+markers",
        line={
            "color": ink.color,
            "width": 2.5 if is_chosen else 1.2,
            "dash": "dot" if trial.state is TrialState.STOPPED else "solid",
        },
        marker={"color": ink.color, "size": 6 if is_chosen else 4, "symbol": ink.symbol},
        opacity=ink.opacity,
        hovertext=[
            f"<b>trial {trial.number}</b> · {trial.state.value}<br>"
            f"{html.escape(name)}: {number_text(each.mean, 4)} at {fidelity:g}"
            for fidelity, each in curve
        ],
        hoverinfo="text",
        **place,
    )


def _ink(trial: Trial, *, is_chosen: bool) -> Ink:
    role = {TrialState.COMPLETED: Role.FRONT, TrialState.STOPPED: Role.DOMINATED}.get(
        trial.state, Role.INFEASIBLE
    )
    ink = INKS[Role.KNEE] if is_chosen else INKS[role]
    symbol = "circle-open" if trial.state is TrialState.STOPPED else "circle"
    return Ink(ink.color, symbol, ink.size, BRIGHT if is_chosen else FAINT)
