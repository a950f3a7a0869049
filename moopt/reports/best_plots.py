"""The figure of a study with one objective: every trial, and the best value so far."""

from collections.abc import Sequence

import plotly.graph_objects as go

from moopt.reports.figures import blank_figure, error_bars, marker, objective_title, quiet_axis
from moopt.reports.points import (
    INKS,
    Points,
    Role,
    by_end,
    errors,
    hover_text,
    means,
    spans_decades,
)
from moopt.study.trials import Trial

NAMES = {Role.DOMINATED: "other", Role.INFEASIBLE: "infeasible", Role.FRONT: "best"}


def progress_figure(points: Points) -> go.Figure:
    """Draw the only objective after each measured trial, in the order in which they ended.

    Infeasible trials have a place and do not count as best.
    """
    (objective,) = points.study.objectives
    ended = by_end(points.all)
    place = {trial.number: index for index, trial in enumerate(ended, start=1)}
    figure = blank_figure(height=420)
    figure.add_scatter(
        x=list(place.values()),
        y=best_so_far(points, ended),
        mode="lines",
        line={"shape": "hv", "color": INKS[Role.FRONT].color, "width": 2},
        hoverinfo="skip",
        name="best so far",
    )
    for role, name in NAMES.items():
        trials = points.roles[role]
        if trials:
            figure.add_scatter(
                x=[place[trial.number] for trial in trials],
                y=means(trials, objective.name),
                error_y=error_bars(errors(trials, objective.name), INKS[role].color),
                mode="markers",
                name=name,
                marker=marker(INKS[role]),
                hovertext=[hover_text(trial) for trial in trials],
                hoverinfo="text",
            )
    figure.update_xaxes(**quiet_axis("trials measured", rangemode="tozero"))
    figure.update_yaxes(
        **quiet_axis(objective_title(objective), type="log" if spans_decades(points) else "linear")
    )
    return figure


def best_so_far(points: Points, ended: Sequence[Trial]) -> list[float | None]:
    """Return the best feasible value up to each trial; None before there is one."""
    (objective,) = points.study.objectives
    sign, best, found = objective.direction.sign, None, []
    infeasible = {trial.number for trial in points.roles[Role.INFEASIBLE]}
    for trial in ended:
        value = trial.measurements[objective.name].mean
        if trial.number not in infeasible and (best is None or sign * value > sign * best):
            best = value
        found.append(best)
    return found


def best_trials(points: Points, most: int) -> list[Trial]:
    """Return the best feasible trials, the best first."""
    (objective,) = points.study.objectives
    feasible = [*points.roles[Role.FRONT], *points.roles[Role.DOMINATED]]
    feasible.sort(
        key=lambda each: (
            -objective.direction.sign * each.measurements[objective.name].mean,
            each.number,
        )
    )
    return feasible[:most]
