"""What a search sees of a problem: noise as stated, limits, trainings that repeat themselves."""

from dataclasses import replace

import numpy as np
import pytest

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.registry import lazily
from moopt.study.parameters import Parameters
from tests.benchmarks.problem_values import drawn, seen, true


def spread(problem: Problem, point: Parameters, outcome: str) -> float:
    return float(np.std([seen(problem, point, seed)[outcome].mean for seed in range(300)]))


@pytest.mark.parametrize(
    ("name", "outcome", "deviation"),
    [
        ("noisy_branin_currin", "branin", 15.19),
        ("noisy_dtlz7", "f2", 0.3),
        ("known_noise_dtlz2_3", "f1", 0.05),
    ],
)
def test_noise_has_the_spread_that_is_stated(name: str, outcome: str, deviation: float) -> None:
    problem = problem_named(name)
    (point,) = drawn(problem, 1)

    assert spread(problem, point, outcome) == pytest.approx(deviation, rel=0.12)
    assert seen(problem, point, 5) == seen(problem, point, 5)
    assert seen(problem, point, 5) != seen(problem, point, 6)


def test_noise_that_is_known_comes_with_every_measurement() -> None:
    known, unknown = problem_named("known_noise_dtlz2_2"), problem_named("noisy_branin_currin")

    assert {each.sem for each in seen(known, drawn(known, 1)[0], 0).values()} == {0.05}
    assert {each.sem for each in seen(unknown, drawn(unknown, 1)[0], 0).values()} == {None}


def test_noise_grows_along_the_front_and_says_so_where_it_is_known() -> None:
    told, untold = problem_named("heteroscedastic_zdt3"), problem_named("heteroscedastic_zdt1")
    rest = {f"x{place}": 0.0 for place in range(1, 6)}
    low, high = {"x0": 0.0, **rest}, {"x0": 1.0, **rest}

    assert [seen(told, each, 0)["f1"].sem for each in (low, high)] == pytest.approx([0.01, 0.1])
    assert [spread(untold, each, "f0") for each in (low, high)] == pytest.approx(
        [0.01, 0.1], rel=0.12
    )


def test_points_that_break_a_limit_add_nothing() -> None:
    problem = problem_named("constrained_branin_currin")
    points = drawn(problem, 60)
    inside = [problem.is_feasible(true(problem, point)) for point in points]
    unlimited = replace(problem, study=replace(problem.study, outcome_constraints=()))

    history = problem.hypervolumes(points)

    feasible = [point for point, is_inside in zip(points, inside, strict=True) if is_inside]
    assert 0 < len(feasible) < 60
    assert history[-1] == pytest.approx(problem.hypervolumes(feasible)[-1])
    assert history[-1] < unlimited.hypervolumes(points)[-1]
    assert history == sorted(history)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pipeline_digits", "pipeline_diabetes"])
def test_a_training_gives_the_same_numbers_again(name: str) -> None:
    problem = problem_named(name)
    kinds = {point["model"]: point for point in drawn(problem, 30)}
    fresh = lazily("pipelines", name)()

    first = [problem.true_values(point) for point in kinds.values()]
    again = [fresh.true_values(point) for point in kinds.values()]

    assert len(kinds) == 4
    assert first == again


@pytest.mark.slow
def test_a_smaller_pipeline_is_worse_and_a_larger_one_better() -> None:
    problem = problem_named("pipeline_digits")
    forest = {"model": "forest", "forest_leaf": 1, "forest_columns": 0.2, "scaled": False}

    small, large = (
        true(problem, {**forest, **size})
        for size in (
            {"features": 8, "forest_trees": 1, "forest_depth": 3},
            {"features": 64, "forest_trees": 24, "forest_depth": 12},
        )
    )

    assert small["loss"] > 2 * large["loss"]
    assert small["log10_size"] < large["log10_size"] - 1


@pytest.mark.slow
def test_a_mixture_beats_every_source_of_its_own() -> None:
    problem = problem_named("mixture_breast_cancer")
    sources = [f"instrument{place}" for place in range(4)]

    def losses(shares: np.ndarray) -> list[float]:
        mixture = dict(zip(sources, shares.tolist(), strict=True))
        return list(true(problem, {"mixture": mixture}).values())

    alone = np.array([losses(row) for row in np.eye(4)])

    assert (losses(np.full(4, 0.25)) < alone.min(axis=0)).all()


@pytest.mark.slow
def test_experts_of_digits_read_their_own_way_only() -> None:
    problem = problem_named("three_digits_isotropic")

    def read(**coefficients: float) -> list[float]:
        nothing = dict.fromkeys(("upright", "mirrored", "inverted"), 0.0)
        return list(true(problem, {**nothing, **coefficients}).values())

    assert max(read()) < 0.5
    assert np.argmax(read(mirrored=1.0)) == 1
    assert np.argmax(read(inverted=1.0)) == 2
    assert min(max(read(mirrored=1.0)), max(read(inverted=1.0))) > 0.95
