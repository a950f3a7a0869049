"""Which of many points are drawn: the front, and as many others as a page can carry."""

from collections.abc import Sequence
from dataclasses import replace

from moopt.reports.formatting import quantity_text
from moopt.reports.points import Points, Role
from moopt.study.trials import Trial

MOST_DRAWN = 400
"""Trials of one role."""

MOST_LINES = 120
"""Of parallel coordinates, where each trial is a line of its own."""


def thinned(points: Points, most: int = MOST_DRAWN) -> Points:
    """Return at most so many trials of each role, early and late ones alike, and the knee."""
    return replace(
        points, roles={role: evenly(trials, most) for role, trials in points.roles.items()}
    )


def evenly(trials: Sequence[Trial], most: int) -> list[Trial]:
    """Return at most so many of a sequence, evenly spread, the first and the last among them."""
    count = len(trials)
    if count <= most:
        return list(trials)
    return [trials[round(k * (count - 1) / (most - 1))] for k in range(most)]


def thinned_note(points: Points, most: int = MOST_DRAWN) -> str:
    """Return what is not drawn, in words; empty where all is."""
    told = [
        f"{most} of {quantity_text(len(trials), 'trial')} that are {role.value}"
        if role is not Role.FRONT
        else f"{most} of {len(trials)} on the front"
        for role, trials in points.roles.items()
        if len(trials) > most
    ]
    return f" Drawn are {', '.join(told)}." if told else ""
