"""What every sampler promises, in spaces of choices; and what this one learns."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from moopt.benchmarks.grid_draws import categorical_draw
from moopt.benchmarks.small_races import whole_run
from moopt.encoding.enumeration import all_parameters
from moopt.errors import SelectionError
from moopt.samplers.history import key
from moopt.samplers.pareto_classifier import (
    DEEPEST,
    ParetoClassifierSampler,
    margins_of,
)
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.objectives import Maximize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Parameters
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from moopt.study.validation import check_parameters
from tests.samplers.choice_studies import OBJECTIVES, choice_studies

SAMPLER = ParetoClassifierSampler(initial_trials=5)
SMALL = Study(
    "small",
    parameters=[Categorical("kind", ["p", "q", "r", "s"]), Categorical("n", [1, 2, 3])],
    objectives=OBJECTIVES,
)
LARGE = Study(
    "large",
    parameters=[Categorical(f"c{index}", ["p", "q", "r", "s"]) for index in range(20)],
    objectives=OBJECTIVES,
)


def measured(points: list[Parameters]) -> list[Trial]:
    """Complete the points; what has more of the letter p is better in both objectives."""
    return [
        Trial(
            number,
            point,
            state=TrialState.COMPLETED,
            measurements={
                "a": Measurement(float(list(point.values()).count("p"))),
                "b": Measurement(-float(list(point.values()).count("p")) + number % 2),
            },
        )
        for number, point in enumerate(points)
    ]


def history(study: Study, count: int) -> list[Trial]:
    found = QuasiRandomSampler().propose(study, [], count, 0)
    return measured([each.parameters for each in found])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(study=choice_studies())
def test_nothing_invalid_and_nothing_tried_is_proposed_in_any_study(study: Study) -> None:
    trials = history(study, 8)
    whole = all_parameters(study, 100_000)
    assert whole is not None
    trials = [replace(trials[0], state=TrialState.RUNNING, measurements={}), *trials[1:]]

    candidates = SAMPLER.propose(study, trials, 3, seed=0)

    tried = {key(trial.parameters) for trial in trials}
    assert len(candidates) == min(3, len(whole) - len(tried))
    assert len(tried | {key(each.parameters) for each in candidates}) == len(tried) + len(
        candidates
    )
    for each in candidates:
        check_parameters(study.parameters, [], each.parameters, "candidate")


def test_equal_arguments_give_equal_candidates() -> None:
    trials = history(LARGE, 12)
    before = str(np.random.mtrand.get_state())

    first = SAMPLER.propose(LARGE, trials, 2, seed=1)

    assert SAMPLER.propose(LARGE, trials, 2, seed=1) == first
    assert str(np.random.mtrand.get_state()) == before


def test_a_space_is_used_up_without_repeats() -> None:
    trials = history(SMALL, 8)

    candidates = SAMPLER.propose(SMALL, trials, 9, seed=0)

    assert len(candidates) == 4
    assert not SAMPLER.propose(SMALL, history(SMALL, 12), 1, seed=0)


def test_a_large_space_is_climbed() -> None:
    (candidate,) = SAMPLER.propose(LARGE, history(LARGE, 40), 1, seed=0)

    best = max(list(trial.parameters.values()).count("p") for trial in history(LARGE, 40))
    assert candidate.sampler == "pareto_classifier"
    assert list(candidate.parameters.values()).count("p") > best


def test_the_candidates_of_a_batch_are_different() -> None:
    candidates = SAMPLER.propose(LARGE, history(LARGE, 12), 4, seed=0)

    assert len({key(each.parameters) for each in candidates}) == 4


def test_the_like_of_what_crashed_is_avoided() -> None:
    crash = Failure(FailureKind.CANDIDATE, "out of memory")
    trials = [
        replace(trial, state=TrialState.FAILED, measurements={}, failure=crash)
        if trial.parameters["c0"] == "q"
        else trial
        for trial in history(LARGE, 30)
    ]

    candidates = SAMPLER.propose(LARGE, trials, 4, seed=0)

    assert all(each.parameters["c0"] != "q" for each in candidates)


def test_at_first_the_space_is_covered() -> None:
    (first,) = ParetoClassifierSampler().propose(SMALL, [], 1, seed=0)
    (unmeasured,) = SAMPLER.propose(
        SMALL, [replace(each, measurements={}) for each in history(SMALL, 6)], 1, seed=0
    )

    assert (first.sampler, unmeasured.sampler) == ("sobol", "sobol")


def test_what_breaks_a_limit_is_below_what_does_not_by_how_far_it_is_beyond() -> None:
    study = replace(
        SMALL,
        objectives=[Objective("a", Maximize), Objective("b", Maximize)],
        outcome_constraints=[OutcomeConstraint("c", at_most=0.5)],
    )
    numbers = [(1.0, 0.0, 0.1), (0.0, 1.0, 0.2), (9.0, 9.0, 3.0), (8.0, 8.0, 0.6)]
    points = all_parameters(study, 12)
    assert points is not None
    trials = [
        Trial(
            place,
            point,
            state=TrialState.COMPLETED,
            measurements=dict(zip("abc", map(Measurement, row), strict=True)),
        )
        for place, (point, row) in enumerate(zip(points, numbers, strict=False))
    ]

    margins, front = margins_of(study, trials)
    beyond, none_feasible = margins_of(study, trials[2:])

    assert (margins.argsort().tolist()[:2], front) == ([2, 3], 0.0)
    assert margins[:2].min() > margins[2:].max()
    assert none_feasible == beyond.max() == beyond[1]


def test_outliers_are_no_deeper_than_the_deepest() -> None:
    trials = history(SMALL, 6)
    worst = {"a": Measurement(-1e9), "b": Measurement(1e9)}

    margins, _ = margins_of(SMALL, [*trials[:-1], replace(trials[-1], measurements=worst)])

    assert margins.min() == DEEPEST


def test_one_objective_and_nine_are_searched() -> None:
    nine = [Objective(name, Maximize) for name in ("a", "b", *(f"o{k}" for k in range(7)))]
    extra = {f"o{k}": Measurement(float(k)) for k in range(7)}

    for objectives in (nine[:1], nine):
        study = replace(SMALL, objectives=objectives)
        trials = [
            replace(each, measurements={**each.measurements, **extra}) for each in history(SMALL, 6)
        ]
        assert len(SAMPLER.propose(study, trials, 2, seed=0)) == 2


def test_other_parameters_are_refused() -> None:
    study = replace(SMALL, parameters=[*SMALL.parameters, Continuous("rate", 0, 1)])

    with pytest.raises(SelectionError, match="categorical parameters only"):
        SAMPLER.propose(study, [], 1, seed=0)


def test_it_reaches_more_than_random_search() -> None:
    problem = categorical_draw(2)

    found, random = (
        whole_run(problem, name, 0, 40).hypervolumes[-1] for name in ("pareto_classifier", "random")
    )

    assert found > 1.1 * random
