"""The recommended front as rows of text and as JSON, where a study is noisy enough to have one."""

import importlib
from collections.abc import Callable, Sequence

from moopt.front.recommendation import Recommendation
from moopt.front.values import measured_trials
from moopt.reports.best import has_one_objective
from moopt.reports.formatting import decimals_for, measurement_text
from moopt.reports.tables import Json, Table, outcome_title
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial

ENOUGH_TO_RECOMMEND = 8
"""Trials with every outcome measured before the model is asked."""


def measured_title(study: Study) -> str:
    """Return what the front as it was measured is called."""
    return "best measured trial" if has_one_objective(study) else "measured front"


def recommended_title(study: Study) -> str:
    """Return what the front that the model recommends is called."""
    if has_one_objective(study):
        return "recommended trial (posterior mean of the model)"
    return "recommended front (posterior means of the model)"


def recommendation_for(study: Study, trials: Sequence[Trial]) -> Recommendation | None:
    """Return what the model recommends. None: the study is exact, or has too few trials."""
    outcomes = study.outcomes
    measured = [
        trial
        for trial in measured_trials(study, trials)
        if all(name in trial.measurements for name in outcomes)
    ]
    if len(measured) < ENOUGH_TO_RECOMMEND or not _is_noisy(study, measured):
        return None
    # It needs torch, which takes seconds to load: only who has noise waits for it.
    module = importlib.import_module("moopt.surrogates.recommended_front")
    recommend: Callable[[Study, Sequence[Trial]], Recommendation] = module.recommend
    return recommend(study, trials)


def recommended_table(recommendation: Recommendation) -> Table:
    """Return the recommended front, the best in the first objective on top."""
    study = recommendation.study
    trials = _ordered(recommendation)
    columns, cells = ["trial"], [[str(trial.number) for trial in trials]]
    for objective in study.objectives:
        predictions = [recommendation.predicted[each.number][objective.name] for each in trials]
        texts = [Measurement(each.mean, each.deviation) for each in predictions]
        decimals = decimals_for(texts)
        columns.append(outcome_title(study, objective.name))
        cells.append([measurement_text(each, decimals) for each in texts])
    columns.append("chance")
    cells.append([f"{recommendation.chance[trial.number]:.0%}" for trial in trials])
    return Table(tuple(columns), tuple(zip(*cells, strict=True)))


def recommended_to_json(recommendation: Recommendation) -> list[Json]:
    """Return the recommended front as JSON objects, by number, nothing rounded."""
    return [
        {
            "number": trial.number,
            "predicted": {
                name: {"mean": each.mean, "sd": each.deviation}
                for name, each in recommendation.predicted[trial.number].items()
            },
            "chance": recommendation.chance[trial.number],
        }
        for trial in recommendation.front
    ]


def _is_noisy(study: Study, measured: Sequence[Trial]) -> bool:
    """Say whether a measurement of an objective has, or may have, noise."""
    errors = [
        objective.noise if sem is None else sem
        for trial in measured
        for objective in study.objectives
        if objective.formula is None
        for sem in [trial.measurements[objective.name].sem]
    ]
    return any(error is None or error > 0 for error in errors)


def _ordered(recommendation: Recommendation) -> list[Trial]:
    first = recommendation.study.objectives[0]
    return sorted(
        recommendation.front,
        key=lambda each: (
            -first.direction.sign * recommendation.predicted[each.number][first.name].mean
        ),
    )
