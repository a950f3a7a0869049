import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from moopt.errors import SelectionError
from moopt.samplers.from_pymoo import EvolutionarySampler, reference_directions
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Categorical, Continuous, Parameters
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from tests.samplers.searches import ZDT1, hypervolume_of, zdt1

ALGORITHMS = ("nsga2", "nsga3")
LINE = Study(
    "line",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("a", Maximize, reference=0.0), Objective("b", Maximize, reference=0.0)],
    outcome_constraints=[OutcomeConstraint("c", at_most=0.5)],
)


def completed(points: Sequence[Parameters], measured: Sequence[dict[str, float]]) -> list[Trial]:
    return [
        Trial(
            number,
            point,
            state=TrialState.COMPLETED,
            measurements={name: Measurement(value) for name, value in outcomes.items()},
        )
        for number, (point, outcomes) in enumerate(zip(points, measured, strict=True))
    ]


def zdt1_trials(count: int) -> list[Trial]:
    points = [each.parameters for each in QuasiRandomSampler().propose(ZDT1, [], count, 0)]
    return completed(points, [zdt1(point) for point in points])


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_evolution_reaches_more_than_random_search(algorithm: str) -> None:
    assert hypervolume_of(algorithm) > hypervolume_of("random") + 0.5


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_population_is_proposed_before_there_are_parents(algorithm: str) -> None:
    sampler = EvolutionarySampler(algorithm, population=8)

    first, later = (sampler.propose(ZDT1, zdt1_trials(done), 1, 0)[0] for done in (7, 8))

    assert (first.sampler, later.sampler) == ("sobol", algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_units_of_the_objectives_do_not_matter(algorithm: str) -> None:
    trials = zdt1_trials(30)
    in_thousandths = [
        replace(
            trial,
            measurements={
                "f1": Measurement(trial.measurements["f1"].mean / 1024),
                "f2": trial.measurements["f2"],
            },
        )
        for trial in trials
    ]
    sampler = EvolutionarySampler(algorithm, population=10)

    assert sampler.propose(ZDT1, trials, 3, 0) == sampler.propose(ZDT1, in_thousandths, 3, 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trials_within_the_limits_are_parents_however_good_the_others(algorithm: str) -> None:
    allowed = [{"x": x} for x in (0.1, 0.12, 0.14, 0.16)]
    others = [{"x": x} for x in (0.9, 0.92, 0.94, 0.96)]
    outcomes = [{"a": point["x"], "b": point["x"], "c": point["x"]} for point in allowed + others]
    trials = completed(allowed + others, outcomes)

    children = EvolutionarySampler(algorithm, population=4).propose(LINE, trials, 8, 0)

    assert max(each.parameters["x"] for each in children) < 0.6


def test_a_choice_that_no_parent_has_comes_back() -> None:
    study = Study(
        "choices",
        parameters=[Continuous("x", 0, 1), Categorical("kind", ["p", "q", "r"])],
        objectives=LINE.objectives,
    )
    points = [{"x": index / 10, "kind": "q"} for index in range(10)]
    trials = completed(points, [{"a": index, "b": -index} for index in range(10)])

    children = EvolutionarySampler(population=10).propose(study, trials, 20, 0)

    assert {each.parameters["kind"] for each in children} == {"p", "q", "r"}


def test_nobody_elses_warnings_are_turned_off() -> None:
    before = list(warnings.filters)

    EvolutionarySampler("nsga3", population=8).propose(ZDT1, zdt1_trials(20), 1, 0)

    assert warnings.filters == before


@pytest.mark.parametrize("objectives", range(1, 10))
def test_directions_lie_on_the_simplex_and_are_about_as_many_as_the_population(
    objectives: int,
) -> None:
    directions = reference_directions(objectives, 40)

    assert np.allclose(directions.sum(axis=1), 1.0)
    assert len(np.unique(directions, axis=0)) == len(directions)
    assert objectives == 1 or objectives <= len(directions) <= 40


def test_two_objectives_have_a_direction_for_each_parent_and_many_have_a_second_layer() -> None:
    assert len(reference_directions(2, 40)) == 40
    # Das and Dennis: 9 corners, and 9 corners of the smaller layer around the middle.
    assert np.isclose(reference_directions(9, 40).max(axis=1), 1.0).sum() == 9
    assert len(reference_directions(9, 40)) == 18


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_with_one_objective_the_best_trials_are_parents(algorithm: str) -> None:
    study = replace(LINE, objectives=LINE.objectives[:1], outcome_constraints=[])
    points = [{"x": index / 20} for index in range(20)]
    trials = completed(points, [{"a": -abs(point["x"] - 0.8)} for point in points])

    children = EvolutionarySampler(algorithm, population=4).propose(study, trials, 8, 0)

    assert {each.sampler for each in children} == {algorithm}
    assert min(each.parameters["x"] for each in children) > 0.6


def test_what_cannot_evolve_is_refused() -> None:
    with pytest.raises(SelectionError, match="at least 2 trials, got 1"):
        EvolutionarySampler(population=1)
    with pytest.raises(SelectionError, match="no algorithm 'nsga4'"):
        EvolutionarySampler("nsga4")


def test_maximized_and_minimized_objectives_are_both_told_in_their_direction() -> None:
    study = Study(
        "directions",
        parameters=[Continuous("x", 0, 1)],
        objectives=[Objective("a", Maximize, reference=0.0), Objective("b", Minimize)],
    )
    points = [{"x": index / 20} for index in range(20)]
    # The larger x is, the better are both.
    trials = completed(points, [{"a": point["x"], "b": -point["x"]} for point in points])

    children = EvolutionarySampler(population=4).propose(study, trials, 8, 0)

    assert min(each.parameters["x"] for each in children) > 0.5
