from collections.abc import Callable
from dataclasses import replace

import pytest

from moopt.samplers.auto import AutoSampler
from moopt.samplers.notes import told_by_sampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState

STUDY = Study(
    "line",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("a", Maximize, reference=0.0), Objective("b", Minimize, reference=1.0)],
)


def measured(count: int) -> list[Trial]:
    points = QuasiRandomSampler().propose(STUDY, [], count, 0) if count else []
    return [
        Trial(
            number,
            each.parameters,
            state=TrialState.COMPLETED,
            measurements={
                "a": Measurement(each.parameters["x"], 0.01),
                "b": Measurement(each.parameters["x"] ** 2, 0.01),
            },
        )
        for number, each in enumerate(points)
    ]


def choice(sampler: AutoSampler, trials: list[Trial]) -> str:
    (candidate,) = sampler.propose(STUDY, trials, 1, seed=0)
    return candidate.notes["choice"]


def test_at_first_the_space_is_covered() -> None:
    assert choice(AutoSampler(), []) == "centre: the middle of the space comes first"
    assert choice(AutoSampler(), measured(1)) == "sobol: 1 of 5 initial trials have begun"
    assert choice(AutoSampler(initial_trials=12), measured(4)) == (
        "sobol: 4 of 12 initial trials have begun"
    )


def test_without_measurements_there_is_nothing_to_learn_from() -> None:
    failure = Failure(FailureKind.CANDIDATE, "out of memory")
    failed = [
        Trial(each.number, each.parameters, state=TrialState.FAILED, failure=failure)
        for each in measured(6)
    ]

    assert choice(AutoSampler(), failed) == "sobol: 0 trials measured, too few to learn from"


def test_then_it_learns() -> None:
    assert choice(AutoSampler(), measured(8)) == (
        "bayesian: 2 objectives, 1 parameter, 8 trials measured"
    )


@pytest.mark.parametrize("begun", [12, 13])
def test_of_choices_two_samplers_learn_in_turns(begun: int) -> None:
    columns = [Categorical(name, list("abcd")) for name in "pqr"]
    study = Study("choices", parameters=columns, objectives=STUDY.objectives)
    trials = [
        replace(trial, parameters=each.parameters)
        for trial, each in zip(
            measured(begun), QuasiRandomSampler().propose(study, [], begun, 0), strict=True
        )
    ]

    one = AutoSampler().propose(study, trials, 1, seed=0)
    several = AutoSampler().propose(study, trials, 5, seed=0)

    assert [each.sampler for each in one] == ["bayesian" if begun % 2 else "pareto_classifier"]
    turns = sorted(each.sampler for each in several)
    assert turns.count("bayesian") == 2 + begun % 2
    assert turns.count("pareto_classifier") == 3 - begun % 2
    assert len({tuple(each.parameters.values()) for each in several}) == 5
    told = next(each for each in several if each.sampler == "pareto_classifier")
    assert told.notes["choice"] == (
        "pareto_classifier: every other trial where all parameters are unordered choices"
    )


def test_from_many_trials_it_learns_in_regions() -> None:
    assert choice(AutoSampler(whole=20), measured(21)) == (
        "trust_region: 2 objectives, 1 parameter, 21 trials measured"
    )


def test_from_very_many_trials_it_evolves() -> None:
    assert choice(AutoSampler(learnable=20), measured(21)) == (
        "nsga2: 21 trials measured, too many for a Gaussian process"
    )


def test_without_pymoo_it_goes_on_learning(hide: Callable[[str], None]) -> None:
    hide("pymoo")

    told = choice(AutoSampler(learnable=7), measured(8))

    assert told.startswith("bayesian: 2 objectives, 1 parameter, 8 trials measured; ")
    assert "pip install 'moopt[pymoo]'" in told


def test_notes_for_people_are_told_and_those_of_a_sampler_are_not() -> None:
    trial = Trial(
        0,
        {"x": 0.5},
        sampler="bayesian",
        notes={"surrogate": "Matern", "optuna:generation": "3", "choice": "bayesian: 8 trials"},
    )

    assert told_by_sampler(trial) == "bayesian: 8 trials; surrogate: Matern"
    assert told_by_sampler(Trial(0, {"x": 0.5}, sampler="tpe")) == "tpe"
