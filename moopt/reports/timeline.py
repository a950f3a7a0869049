"""Who was busy when: a bar for each trial, on the worker that ran it."""

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import plotly.graph_objects as go

from moopt.reports.figures import blank_figure, quiet_axis
from moopt.reports.formatting import duration_text, shortened
from moopt.reports.growth_plots import time_unit
from moopt.study.trials import Trial, TrialState

UNKNOWN = "worker"
"""What a trial runs on of which nobody has told it."""

ROW = 26
"""Height of a worker."""

MOST_ROWS = 60

BARS = {
    TrialState.COMPLETED: ("#2b7fc3", ""),
    TrialState.STOPPED: ("#0b9b74", "/"),
    TrialState.FAILED: ("#d55e00", "x"),
    TrialState.RUNNING: ("#8a929b", "."),
    TrialState.PROPOSED: ("#8a929b", "-"),
    TrialState.CANCELLED: ("#b3668f", "\\"),
}
"""Colour and pattern of each state: either tells them apart."""


@dataclass(frozen=True, slots=True)
class Busy:
    """A trial in the time of the search."""

    trial: Trial
    worker: str
    begin: float
    """Seconds since the first trial began."""

    end: float


def timeline_figure(
    trials: Sequence[Trial],
    *,
    now: datetime | None = None,
    running_on: Mapping[int, str] | None = None,
) -> go.Figure:
    """Draw who was busy when.

    Trials that ran at once on one device have rows of their own.

    Args:
        trials: In any state; those that never began are not drawn.
        now: Up to when running trials are drawn. None: the latest time known.
        running_on: By number of a running trial, what it runs on. Of others their record says it.
    """
    busy = busy_times(trials, now=now, running_on=running_on or {})
    rows = list(dict.fromkeys(each.worker for each in sorted(busy, key=lambda each: each.worker)))
    shown = rows[:MOST_ROWS]
    figure = blank_figure(height=120 + ROW * max(len(shown), 3))
    unit, name = time_unit(max((each.end for each in busy), default=0.0))
    for state, (color, pattern) in BARS.items():
        mine = [each for each in busy if each.trial.state is state and each.worker in shown]
        if mine:
            figure.add_bar(
                orientation="h",
                y=[each.worker for each in mine],
                base=[round(each.begin / unit, 6) for each in mine],
                x=[round((each.end - each.begin) / unit, 6) for each in mine],
                name=state.value,
                marker={
                    "color": color,
                    "pattern": {
                        "shape": pattern,
                        "bgcolor": color,
                        "fgcolor": "#ffffff",
                        "size": 6,
                        "solidity": 0.35,
                    },
                    "line": {"width": 0.5, "color": "rgba(255,255,255,0.7)"},
                },
                hovertext=[_hover(each) for each in mine],
                hoverinfo="text",
            )
    hidden = len(rows) - len(shown)
    note = f" ({hidden} more workers are not shown)" if hidden else ""
    figure.update_layout(barmode="overlay", bargap=0.25)
    figure.update_xaxes(**quiet_axis(f"{name} since the first trial began{note}", showgrid=True))
    figure.update_yaxes(
        **quiet_axis(
            showgrid=False,
            type="category",
            categoryorder="array",
            categoryarray=shown,
            tickvals=shown,
            ticktext=[html.escape(shortened(each, 28)) for each in shown],
            autorange="reversed",
        )
    )
    return figure


def busy_times(
    trials: Sequence[Trial], *, now: datetime | None, running_on: Mapping[int, str]
) -> list[Busy]:
    """Return when each trial ran and on what, those on one worker one after the other.

    Args:
        trials: In any state.
        now: When running trials are looked at. None: the latest time known.
        running_on: By number of a running trial, what it runs on.
    """
    begun = sorted(
        ((each.started.timestamp(), each) for each in trials if each.started is not None),
        key=lambda pair: (pair[0], pair[1].number),
    )
    if not begun:
        return []
    latest = max(each.ended.timestamp() if each.ended else start for start, each in begun)
    until = max(latest, now.timestamp()) if now is not None else latest
    first = begun[0][0]
    free: dict[str, list[float]] = defaultdict(list)
    found = []
    for start, trial in begun:
        end = trial.ended.timestamp() if trial.ended is not None else until
        place = _place(trial, running_on)
        lane = _free_lane(free[place], start, max(end, start))
        found.append((trial, place, lane, start - first, max(end, start) - first))
    alone = {place for place, lanes in free.items() if len(lanes) == 1 and place != UNKNOWN}
    return [
        Busy(trial, place if place in alone else f"{place} {lane + 1}", begin, end)
        for trial, place, lane, begin, end in found
    ]


def _place(trial: Trial, running_on: Mapping[int, str]) -> str:
    if trial.usage is not None:
        return f"{trial.usage.host} {trial.usage.device}".strip() or UNKNOWN
    return running_on.get(trial.number, UNKNOWN)


def _free_lane(ends: list[float], start: float, end: float) -> int:
    """Give an interval the first row that is free when it begins, and return which."""
    for lane, taken_until in enumerate(ends):
        if taken_until <= start + 1e-3:
            ends[lane] = end
            return lane
    ends.append(end)
    return len(ends) - 1


def _hover(busy: Busy) -> str:
    trial = busy.trial
    lines = [
        f"<b>trial {trial.number}</b> · {trial.state.value}",
        html.escape(busy.worker),
        duration_text(busy.end - busy.begin),
    ]
    if trial.attempts > 1:
        lines.append(f"attempt {trial.attempts}")
    if trial.failure is not None:
        message = trial.failure.message.strip().splitlines()
        lines.append(html.escape(shortened(message[-1] if message else "", 80)))
    return "<br>".join(lines)
