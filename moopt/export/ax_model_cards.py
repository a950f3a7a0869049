"""Ax's model of a study: how well it predicts, which parameters matter, what it expects where."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import plotly.graph_objects as go
from ax.adapter.torch import TorchAdapter
from ax.analysis.analysis import Analysis
from ax.analysis.healthcheck.constraints_feasibility import ConstraintsFeasibilityAnalysis
from ax.analysis.plotly.cross_validation import CrossValidationPlot
from ax.analysis.plotly.surface.contour import ContourPlot
from ax.analysis.plotly.surface.slice import SlicePlot
from ax.core.parameter import ChoiceParameter, RangeParameter
from ax.utils.sensitivity.sobol_measures import ax_parameter_sens

from moopt.errors import SurrogateError
from moopt.export.ax_calls import attempted, computed
from moopt.export.ax_model import AxModel, fitted
from moopt.export.ax_shown import MarkedTexts, figure_text, join, shown
from moopt.front.values import measured_trials
from moopt.reports.cards import Card
from moopt.reports.figures import blank_figure, quiet_axis
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Trial

GROUP = "Ax: model"
CHECKS = "Ax: health checks"
ENOUGH = 3
"""Trials with every objective that Ax's model needs."""

SAMPLES = 1024
"""Points at which the model is asked for a sensitivity, for each parameter and twice more."""

SLICES = 4
"""Parameters with a slice, for each objective: those that matter most."""

FEW_OBJECTIVES = 3
"""Up to so many, the three parameters that matter most have contours; above, the first two."""

LEAVE_ONE_OUT = 50
"""Up to so many trials each is predicted without it alone, above in as many groups as follow."""

FOLDS = 20

_ONE_HOT = "_OH_PARAM_"


def model_cards(study: Study, trials: Sequence[Trial], marked: MarkedTexts) -> Iterator[Card]:
    """Yield cross-validation, sensitivities, slices and contours, or why there are none."""
    measured = len(measured_trials(study, trials))
    title = "Ax's model"
    if measured < ENOUGH:
        yield Card(
            "ax_model",
            title,
            problem=f"Ax's model needs {ENOUGH} trials with every objective, there are {measured}.",
            group=GROUP,
        )
        return
    try:
        model = fitted(study, trials)
    except SurrogateError as error:
        yield Card("ax_model", title, problem=str(error), group=GROUP)
        return
    if study.outcome_constraints:
        yield _feasibility(model, marked)
    yield from _cross_validation(model, marked)
    important: dict[str, list[str]] = {}
    for objective, metric in model.objectives.items():
        card, important[objective] = _sensitivity(model, objective, metric, marked)
        yield card
    for objective, metric in model.objectives.items():
        yield from _slices(model, objective, metric, important[objective], marked)
    for objective, metric in model.objectives.items():
        yield from _contours(model, objective, metric, important[objective], marked)


def _feasibility(model: AxModel, marked: MarkedTexts) -> Card:
    card = Card(
        "ax_feasibility",
        "Can the constraints be met?",
        note="How likely the model finds it that trials keep each constraint.",
        group=CHECKS,
    )
    (found,) = computed(ConstraintsFeasibilityAnalysis(), model.experiment, model.adapter)
    return shown(card, found, marked)


def _cross_validation(model: AxModel, marked: MarkedTexts) -> Iterator[Card]:
    folds = -1 if model.used <= LEAVE_ONE_OUT else FOLDS
    found = computed(CrossValidationPlot(folds=folds), model.experiment, model.adapter)
    note = join(
        [
            "Each trial predicted by a model that was not told of it, against what was measured.",
            "Points on the diagonal are predicted well.",
            "Units are the model's own, of mean 0 and standard deviation 1.",
            model.limits,
        ]
    )
    for place, each in enumerate(found):
        card = Card(f"ax_cross_validation_{place}", each.title, note=note, group=GROUP)
        yield shown(card, each, marked)


def _sensitivity(
    model: AxModel, objective: str, metric: str, marked: MarkedTexts
) -> tuple[Card, list[str]]:
    """Return the card of an objective and its parameters of Ax, the most important one first."""
    parameters = list(model.space.search_space.parameters)
    card = Card(
        f"ax_sensitivity_{objective}",
        f"Sensitivity of {objective}",
        note=join(
            [
                "Share of the model's variation in which a parameter takes part.",
                "(Total-order Sobol indices, as shares of their sum.)",
                model.limits,
            ]
        ),
        group=GROUP,
    )
    try:
        shares = attempted("compute sensitivities", lambda: _shares(model.adapter, metric))
    except SurrogateError as error:
        return replace(card, problem=str(error)), parameters
    ordered = sorted(shares, key=lambda name: -abs(shares[name]))
    figure = figure_text(_bars({name: shares[name] for name in ordered}), marked)
    return replace(card, figure=figure), ordered


def _shares(adapter: TorchAdapter, metric: str) -> dict[str, float]:
    """Return by parameter of Ax its share, negative where more of it makes the metric smaller."""
    found = ax_parameter_sens(
        adapter, [metric], order="total", exclude_task=True, num_mc_samples=SAMPLES
    )[metric]
    summed: dict[str, float] = {}
    for name, index in found.items():
        value = float(index)
        choice, is_one_hot, _ = name.partition(_ONE_HOT)
        # The columns of one choice have a direction each, the choice has none.
        summed[choice] = summed.get(choice, 0.0) + (abs(value) if is_one_hot else value)
    total = sum(abs(value) for value in summed.values())
    return {name: value / total if total else 0.0 for name, value in summed.items()}


def _bars(shares: Mapping[str, float]) -> go.Figure:
    figure = blank_figure(height=80 + 28 * len(shares), legend=False)
    figure.add_bar(
        x=[abs(value) for value in shares.values()],
        y=list(shares),
        orientation="h",
        text=["more makes it smaller" if value < 0 else "" for value in shares.values()],
        textposition="auto",
        marker_color="#4c78a8",
    )
    figure.update_layout(
        xaxis=quiet_axis("share", tickformat=".0%", rangemode="tozero"),
        yaxis=quiet_axis(autorange="reversed", nticks=len(shares)),
    )
    return figure


def _slices(
    model: AxModel, objective: str, metric: str, important: Sequence[str], marked: MarkedTexts
) -> Iterator[Card]:
    for name in _drawable(model, important)[:SLICES]:
        card = Card(
            f"ax_slice_{objective}_{name}",
            f"{objective} along {name}",
            note=_note(model, [name], "What the model expects, with its standard error."),
            group=GROUP,
        )
        yield _drawn(model, card, SlicePlot(name, metric_name=metric), marked)


def _contours(
    model: AxModel, objective: str, metric: str, important: Sequence[str], marked: MarkedTexts
) -> Iterator[Card]:
    count = 3 if len(model.objectives) <= FEW_OBJECTIVES else 2
    for x, y in itertools.combinations(_drawable(model, important)[:count], 2):
        card = Card(
            f"ax_contour_{objective}_{x}_{y}",
            f"{objective} over {x} and {y}",
            note=_note(
                model, [x, y], "What the model expects, for the parameters that matter most."
            ),
            group=GROUP,
        )
        yield _drawn(model, card, ContourPlot(x, y, metric_name=metric), marked)


def _drawn(model: AxModel, card: Card, analysis: Analysis, marked: MarkedTexts) -> Card:
    (found,) = computed(analysis, model.shown, model.adapter)
    return shown(card, found, marked)


def _note(model: AxModel, names: Sequence[str], what: str) -> str:
    parts = [what, model.around, model.limits]
    slots = [slot for slot in model.space.slots if slot.name in names]
    if any(isinstance(slot.parameter, Simplex) for slot in slots):
        parts.append("A weight is varied alone here: the others do not make room for it.")
    return join(parts)


def _drawable(model: AxModel, names: Sequence[str]) -> list[str]:
    """Return the parameters that Ax can draw: numbers, and choices that have an order."""
    parameters = model.space.search_space.parameters
    found = []
    for name in names:
        match parameters.get(name):
            case RangeParameter():
                found.append(name)
            case ChoiceParameter(is_ordered=True):
                found.append(name)
    return found
