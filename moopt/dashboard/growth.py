"""The hypervolume of the front: at once where it is quick, else as cards from a process."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from moopt.reports.cards import Card
from moopt.reports.growth_plots import growth_figure
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial

MOST_AT_ONCE = 1500
"""Measured trials whose hypervolumes are computed while the reader waits, of up to
`MOST_OBJECTIVES_AT_ONCE`."""

MOST_OBJECTIVES_AT_ONCE = 3


def is_quick(study: Study, measured: int) -> bool:
    """Say whether the hypervolumes of so many trials are a matter of a moment."""
    return len(study.objectives) <= MOST_OBJECTIVES_AT_ONCE and measured <= MOST_AT_ONCE


def growth_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield the figures of the hypervolume, over trials and over time."""
    for name, over_time in (("growth", False), ("growth-over-time", True)):
        figure = growth(study, trials, over_time=over_time)
        if figure is not None:
            yield Card(name, "Hypervolume", figure=str(figure.to_json()))


def growth(study: Study, trials: Sequence[Trial], *, over_time: bool) -> go.Figure | None:
    """Draw how the hypervolume grew; None where no trial has ended.

    Args:
        study: Where it lacks references, they are inferred from the trials.
        trials: In any state.
        over_time: Over the time since the first trial began, rather than over trials.
    """
    if not any(trial.state in ENDED_STATES for trial in trials):
        return None
    figure = growth_figure(study, trials, over_time=over_time)
    figure.update_layout(uirevision=f"growth {over_time}")
    return figure
