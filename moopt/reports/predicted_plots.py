"""The figure of what a model believes of the front: trials, and points that nobody has tried."""

import html
from collections.abc import Sequence
from itertools import combinations

import plotly.graph_objects as go

from moopt.reports.best import has_one_objective
from moopt.reports.cards import Table
from moopt.reports.figures import (
    blank_figure,
    error_bars,
    marker,
    needs_width,
    quiet_axis,
    short_title,
)
from moopt.reports.formatting import decimals_for, measurement_text, value_text
from moopt.reports.points import INKS, Ink, Role
from moopt.reports.predicted_front import PredictedFront, PredictedPoint
from moopt.study.objectives import Objective
from moopt.study.study import Study
from moopt.study.trials import Measurement

UNTRIED_INK = Ink("#d55e00", "diamond-open", 9, 1.0)
_TRIED = Ink(INKS[Role.FRONT].color, "circle", 8, 1.0)
MOST_PAIRS = 6
"""Panels: every pair of four objectives, or the first pairs of more."""

MOST_UNTRIED = 10
"""Rows of the table."""

MOST_TRIALS = 300


def predicted_figure(study: Study, predicted: PredictedFront) -> go.Figure:
    """Draw posterior means and standard deviations of trials and of untried points.

    Args:
        study: Its objectives are drawn in pairs, with one objective against itself.
        predicted: What the model believes.
    """
    objectives = study.objectives
    pairs = list(combinations(objectives, 2))[:MOST_PAIRS] or [(objectives[0], objectives[0])]
    columns = min(len(pairs), 3)
    rows = -(-len(pairs) // columns)
    figure = blank_figure(height=440 if len(pairs) == 1 else 60 + 320 * rows)
    figure.set_subplots(rows=rows, cols=columns, horizontal_spacing=0.09, vertical_spacing=0.16)
    needs_width(figure, 240 * columns)
    best = {each.number for each in predicted.best}
    others = [each for each in predicted.trials if each.number not in best]
    groups = [
        ("trial", others[-MOST_TRIALS:], INKS[Role.DOMINATED]),
        ("trial, one of the best", predicted.best, _TRIED),
        ("untried, believed better", predicted.untried, UNTRIED_INK),
    ]
    for index, pair in enumerate(pairs):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        for name, points, ink in groups:
            _add_points(figure, study, (name, points, ink), pair, place)
        figure.update_xaxes(**quiet_axis(short_title(pair[0]), nticks=5), **place)
        figure.update_yaxes(**quiet_axis(short_title(pair[1]), nticks=5), **place)
    return figure


def untried_table(study: Study, predicted: PredictedFront) -> Table:
    """Return the untried points that are believed to add most to the front, the best first."""
    shown = predicted.untried[:MOST_UNTRIED]
    rows = []
    texts = {each.name: _column(each, shown) for each in study.objectives}
    for index, point in enumerate(shown):
        row = [texts[each.name][index] for each in study.objectives]
        row += [f"{point.chance:.0%}"] if _has_doubt(study, predicted) else []
        rows.append([*row, *(value_text(point.parameters.get(x.name)) for x in study.parameters)])
    doubt = ["chance"] if _has_doubt(study, predicted) else []
    titles = [short_title(each) for each in study.objectives]
    return Table([*titles, *doubt, *(each.name for each in study.parameters)], rows)


def _has_doubt(study: Study, predicted: PredictedFront) -> bool:
    """Say whether points may fail or break a constraint."""
    return bool(study.outcome_constraints) or any(x.chance < 1 for x in predicted.front)


def _column(objective: Objective, points: Sequence[PredictedPoint]) -> list[str]:
    beliefs = [
        Measurement(point.predicted[objective.name].mean, point.predicted[objective.name].deviation)
        for point in points
    ]
    decimals = decimals_for(beliefs)
    return [measurement_text(each, decimals) for each in beliefs]


def _add_points(
    figure: go.Figure,
    study: Study,
    group: tuple[str, Sequence[PredictedPoint], Ink],
    pair: tuple[Objective, Objective],
    place: dict[str, int],
) -> None:
    name, points, ink = group
    if not points:
        return
    x, y = ([point.predicted[each.name] for point in points] for each in pair)
    is_first = place == {"row": 1, "col": 1}
    with_errors = name != "trial"
    figure.add_scatter(
        x=[each.mean for each in x],
        y=[each.mean for each in y],
        error_x=error_bars([each.deviation for each in x], ink.color) if with_errors else None,
        error_y=error_bars([each.deviation for each in y], ink.color)
        if with_errors and not has_one_objective(study)
        else None,
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=is_first,
        marker=marker(ink),
        hovertext=[_hover(study, point, pair) for point in points],
        hoverinfo="text",
        **place,
    )


def _hover(study: Study, point: PredictedPoint, pair: tuple[Objective, Objective]) -> str:
    """Return what a point says: a trial only what the panel shows, for there are many."""
    title = "untried" if point.number is None else f"trial {point.number}"
    lines = [f"<b>{title}</b>, as the model predicts"]
    for objective in study.objectives if point.number is None else dict.fromkeys(pair):
        belief = point.predicted[objective.name]
        text = Measurement(belief.mean, belief.deviation)
        lines.append(
            f"{html.escape(objective.name)}: {measurement_text(text, decimals_for([text]))}"
        )
    if point.chance < 1:
        lines.append(f"chance to succeed and be feasible {point.chance:.0%}")
    if point.number is None:
        lines += [
            f"{html.escape(name)} = {html.escape(value_text(value))}"
            for name, value in point.parameters.items()
        ]
    return "<br>".join(lines[:16])
