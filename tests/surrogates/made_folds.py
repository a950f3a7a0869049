"""A study of which each trial measures one fold, and what is learned of it."""

import torch

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import training_data
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from tests.surrogates.made_kernels import uniform

FOLDS = ("a", "b", "c")
PEAKS = {"a": 0.1, "b": 0.5, "c": 0.6}
"""Where each fold is largest; their mean is at the mean of these."""

LEVELS = {"a": 0.0, "b": 1.0, "c": 3.0}


def study_of_folds(*, limit: float | None = None, second: bool = False) -> Study:
    limits = [] if limit is None else [OutcomeConstraint("heat", at_most=limit)]
    cost = [Objective("cost", Minimize, reference=1.5)] if second else []
    return Study(
        "folds",
        parameters=[Continuous("x", 0, 1), Categorical("fold", FOLDS)],
        objectives=[Objective("score", Maximize, reference=-2.0), *cost],
        outcome_constraints=limits,
    )


def score(x: float, fold: str) -> float:
    return LEVELS[fold] - 2 * (x - PEAKS[fold]) ** 2


def trial_of(number: int, x: float, fold: str) -> Trial:
    values = {"score": score(x, fold), "heat": x + 0.3 * LEVELS[fold], "cost": x}
    measurements = {name: Measurement(value) for name, value in values.items()}
    parameters = {"x": x, "fold": fold}
    return Trial(number, parameters, state=TrialState.COMPLETED, measurements=measurements)


def spread(count: int = 15) -> list[Trial]:
    """Return trials all over the space, each in one fold."""
    places = uniform(count, seed=2).tolist()
    return [trial_of(number, x, FOLDS[number % 3]) for number, x in enumerate(places)]


def outcomes_of_folds(study: Study, count: int = 15) -> tuple[SpaceEncoding, Outcomes]:
    encoding = SpaceEncoding.of(study)
    with torch.random.fork_rng():
        return encoding, learn_outcomes(
            encoding, training_data(study, encoding, spread(count)), "matern"
        )
