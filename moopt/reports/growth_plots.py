"""The figure of how the hypervolume grew, over trials and over time, against a random search."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from moopt.reports.best import has_one_objective
from moopt.reports.figures import blank_figure, quiet_axis
from moopt.reports.growth import Baseline, Growth, blind_growth, growth_of
from moopt.reports.points import INKS, Role, hover_text
from moopt.study.study import Study
from moopt.study.trials import Trial

BASELINE_COLOR, BAND_COLOR = "#8a929b", "rgba(138,146,155,0.22)"
MOST_STEPS = 200
"""Trials that improved the front and get a mark of their own."""

FEWEST_BLIND = 3
UNITS = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how many seconds on a unit is used, its seconds, its name."""


def growth_figure(
    study: Study,
    trials: Sequence[Trial],
    *,
    baseline: Baseline | None = None,
    over_time: bool = False,
) -> go.Figure:
    """Draw the hypervolume after each trial that ended.

    Args:
        study: Where it lacks references, they are inferred from the trials.
        trials: In any state.
        baseline: What random search is believed to reach, as `random_baseline` returns it.
        over_time: Over the time since the first trial began, rather than over trials. The baseline
            is then as fast as the search was.
    """
    growth = growth_of(study, trials)
    figure = blank_figure(height=360)
    places, title = _places(growth, over_time=over_time)
    if baseline is not None:
        _add_baseline(figure, places, baseline)
    _add_steps(figure, places, growth)
    blind = blind_growth(study, trials)
    if FEWEST_BLIND <= len(blind.trials) < len(growth.trials) and not over_time:
        figure.add_scatter(
            x=list(range(1, len(blind.trials) + 1)),
            y=blind.hypervolume.tolist(),
            mode="lines",
            name="the study's own random trials alone",
            line={"shape": "hv", "color": BASELINE_COLOR, "width": 1.6, "dash": "dot"},
            hoverinfo="skip",
        )
    name = "gain over the reference" if has_one_objective(study) else "hypervolume"
    figure.update_xaxes(**quiet_axis(title, rangemode="tozero"))
    figure.update_yaxes(**quiet_axis(name, rangemode="tozero"))
    return figure


def time_unit(longest: float) -> tuple[float, str]:
    """Return the unit in which so many seconds are read easily: its seconds and its name."""
    return next((size, name) for least, size, name in UNITS if longest >= least)


def _places(growth: Growth, *, over_time: bool) -> tuple[Float[np.ndarray, " n"], str]:
    if not over_time:
        return np.arange(1.0, len(growth.trials) + 1), "trials that ended"
    longest = float(np.nanmax(growth.seconds, initial=0.0))
    unit, name = time_unit(longest)
    return growth.seconds / unit, f"{name} since the first trial began"


def _add_baseline(figure: go.Figure, places: Float[np.ndarray, " n"], baseline: Baseline) -> None:
    kept = _thinned(baseline.lower, baseline.median, baseline.upper)
    kept = kept[kept < len(places)]
    x = places[kept].tolist()
    edge = {"shape": "hv", "width": 0, "color": BASELINE_COLOR}
    for values, fill in ((baseline.lower, None), (baseline.upper, "tonexty")):
        figure.add_scatter(
            x=x,
            y=values[kept].tolist(),
            mode="lines",
            line=edge,
            fill=fill,
            fillcolor=BAND_COLOR,
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=x,
        y=baseline.median[kept].tolist(),
        mode="lines",
        line={"shape": "hv", "color": BASELINE_COLOR, "width": 1.6, "dash": "dash"},
        name="random search, as predicted",
        hoverinfo="skip",
    )


def _add_steps(figure: go.Figure, places: Float[np.ndarray, " n"], growth: Growth) -> None:
    color = INKS[Role.FRONT].color
    kept = _thinned(growth.hypervolume)
    figure.add_scatter(
        x=places[kept].tolist(),
        y=growth.hypervolume[kept].tolist(),
        mode="lines",
        name="this study",
        line={"shape": "hv", "color": color, "width": 2},
        hoverinfo="skip",
    )
    before = np.concatenate([[0.0], growth.hypervolume[:-1]])
    steps = np.flatnonzero(growth.hypervolume > before)
    if len(steps) > MOST_STEPS:
        largest = np.argsort(before[steps] - growth.hypervolume[steps], kind="stable")
        steps = np.sort(steps[largest[:MOST_STEPS]])
    figure.add_scatter(
        x=places[steps].tolist(),
        y=growth.hypervolume[steps].tolist(),
        mode="markers",
        name="trial that improved the front",
        marker={"color": color, "symbol": "circle", "size": 7},
        hovertext=[
            f"hypervolume {growth.hypervolume[row]:.6g}<br>{hover_text(growth.trials[row])}"
            for row in steps.tolist()
        ],
        hoverinfo="text",
    )


def _thinned(*lines: Float[np.ndarray, " n"]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows at which a step line changes, and the last: all that it takes to draw it."""
    count = len(lines[0])
    if count == 0:
        return np.empty(0, dtype=np.int64)
    changed = np.zeros(count, dtype=bool)
    changed[[0, -1]] = True
    for line in lines:
        changed[1:] |= line[1:] != line[:-1]
    return np.flatnonzero(changed)
