"""Ax's analyses of a study as cards, those that cost little first.

What Ax 1.3 shows wrongly is not among them: its front ignores constraints and more than two
objectives, and its overview needs a program that draws graphs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ax.analysis.healthcheck.baseline_improvement import BaselineImprovementAnalysis
from ax.analysis.metric_summary import MetricSummary
from ax.analysis.plotly.parallel_coordinates import ParallelCoordinatesPlot
from ax.analysis.plotly.plotly_analysis import PlotlyAnalysisCard
from ax.analysis.plotly.progression import ProgressionPlot
from ax.analysis.plotly.utility_progression import UtilityProgressionAnalysis
from ax.analysis.search_space_summary import SearchSpaceSummary
from ax.analysis.summary import Summary
from ax.core.experiment import Experiment

from moopt.errors import StudyError
from moopt.export.ax_calls import computed
from moopt.export.ax_flat import flat_study, flat_trials
from moopt.export.ax_lines import plain_lines
from moopt.export.ax_model_cards import CHECKS, model_cards
from moopt.export.ax_objectives import ax_wishes
from moopt.export.ax_shown import MarkedTexts, figure_text, shown
from moopt.export.to_ax import to_ax
from moopt.front.values import measured_trials
from moopt.reports.cards import Card
from moopt.study.study import Study
from moopt.study.trials import Trial

RESULTS = "Ax: results"
NOTHING = "No trial has a measurement yet."
NOTHING_WHOLE = "No trial has every objective yet."

MOST_TRACED = 5
"""Objectives up to which Ax's exact hypervolumes come in seconds."""


def ax_cards(study: Study, trials: Sequence[Trial]) -> Iterator[Card]:
    """Yield Ax's cards of a study.

    Args:
        study: With references, where they are known.
        trials: By number.
    """
    marked = MarkedTexts.of(study)
    try:
        experiment = to_ax(study, trials)
        flat = to_ax(flat_study(study), flat_trials(study, trials))
    except StudyError as error:
        yield Card("ax", "Ax", problem=str(error), group=RESULTS)
        return
    yield from _tables(experiment, marked)
    yield _trace(study, trials, flat, marked)
    for metric, objective in _objectives(study, flat):
        yield _parallel(flat, objective, metric, marked)
    if any(trial.partial for trial in trials):
        reported = {name for trial in trials for each in trial.partial.values() for name in each}
        for metric, objective in _objectives(study, experiment):
            if objective not in reported:
                continue
            yield _progression(experiment, objective, metric, marked)
    yield _improvement(study, trials, flat, marked)
    yield from model_cards(study, trials, marked)


def _objectives(study: Study, experiment: Experiment) -> list[tuple[str, str]]:
    """Return pairs of Ax's name of an objective and the study's."""
    metrics = ax_wishes(study, experiment.search_space.parameters).metrics
    return list(metrics[: len(study.objectives)])


def _tables(experiment: Experiment, marked: MarkedTexts) -> Iterator[Card]:
    card = Card("ax_summary", "Trials as Ax has them", group=RESULTS)
    if experiment.lookup_data().empty:
        yield replace(card, problem=NOTHING)
    else:
        (found,) = computed(Summary(), experiment)
        yield shown(replace(card, note="One row for each trial."), found, marked)
    card = Card("ax_search_space", "Search space", group=RESULTS)
    (found,) = computed(SearchSpaceSummary(), experiment)
    yield shown(replace(card, note="The parameters, as Ax is told of them."), found, marked)
    card = Card("ax_metrics", "Objectives and constraints", group=RESULTS)
    (found,) = computed(MetricSummary(), experiment)
    yield shown(replace(card, note="What Ax is to make large or small."), found, marked)


def _trace(study: Study, trials: Sequence[Trial], flat: Experiment, marked: MarkedTexts) -> Card:
    is_alone = len(study.objectives) == 1
    title = "Best value over trials" if is_alone else "Hypervolume over trials"
    card = Card(
        "ax_trace",
        title,
        note="Of the feasible trials with every objective, in the order of their numbers.",
        group=RESULTS,
    )
    if not measured_trials(study, trials):
        return replace(card, problem=NOTHING_WHOLE)
    missing = [each.name for each in study.objectives if each.reference is None]
    if missing and not is_alone:
        names = ", ".join(missing)
        return replace(
            card,
            problem=f"There is no reference yet for {names}; without one Ax takes another at each "
            "trial, and its trace would mean nothing.",
        )
    if len(study.objectives) > MOST_TRACED:
        return replace(
            card,
            problem=f"Ax computes exact hypervolumes, which takes too long with "
            f"{len(study.objectives)} objectives.",
        )
    (found,) = computed(UtilityProgressionAnalysis(), flat)
    if isinstance(found, PlotlyAnalysisCard):
        # Ax asks for a tick at every trial.
        figure = found.get_figure().update_xaxes(dtick=None, title_text="trial")
        return replace(card, figure=figure_text(figure, marked))
    return shown(card, found, marked)


def _parallel(flat: Experiment, objective: str, metric: str, marked: MarkedTexts) -> Card:
    card = Card(
        f"ax_parallel_{objective}",
        f"Parameters and {objective}",
        note="Each line is a trial, its colour the objective.",
        group=RESULTS,
    )
    if metric not in flat.lookup_data().metric_names:
        return replace(card, problem=f"No trial has {objective} yet.")
    (found,) = computed(ParallelCoordinatesPlot(metric_name=metric), flat)
    if isinstance(found, PlotlyAnalysisCard):
        return replace(card, figure=figure_text(plain_lines(found.get_figure()), marked))
    return shown(card, found, marked)


def _progression(experiment: Experiment, objective: str, metric: str, marked: MarkedTexts) -> Card:
    card = Card(
        f"ax_progression_{objective}",
        f"{objective} during trials",
        note="What trials reported on the way.",
        group=RESULTS,
    )
    (found,) = computed(ProgressionPlot(metric_name=metric), experiment)
    return shown(card, found, marked)


def _improvement(
    study: Study, trials: Sequence[Trial], flat: Experiment, marked: MarkedTexts
) -> Card:
    card = Card(
        "ax_improvement",
        "Better than the first trial?",
        note="The best value of each objective against that of the first trial.",
        group=CHECKS,
    )
    if not measured_trials(study, trials):
        return replace(card, problem=NOTHING_WHOLE)
    (found,) = computed(BaselineImprovementAnalysis(), flat)
    return shown(card, found, marked)
