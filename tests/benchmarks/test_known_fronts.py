"""What is said to be the best hypervolume is that of a front which points of the problem reach."""

import numpy as np
import pytest
import torch
from jaxtyping import Float

from moopt.benchmarks.constrained import ANGLES, mw7_front, osy_inputs
from moopt.benchmarks.draws import Draw, Kernel, gaussian_process_draw
from moopt.benchmarks.grid_draws import covariance, draws
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.shifted import TYPICAL_EXCESS, Hill
from moopt.benchmarks.tabulated import index_of
from moopt.study.parameters import Categorical
from tests.benchmarks.problem_values import true

ALONG = np.linspace(0.0, 1.0, 201)


def points(rows: Float[np.ndarray, "n d"]) -> list[dict[str, float]]:
    return [{f"x{column}": float(value) for column, value in enumerate(row)} for row in rows]


def reached(problem: Problem, rows: Float[np.ndarray, "n d"]) -> float:
    """Return the share of the best hypervolume that some points reach together."""
    return problem.hypervolumes(points(rows))[-1] / problem.best_hypervolume


def beside(first: Float[np.ndarray, "n k"], rest: Float[np.ndarray, " r"]) -> np.ndarray:
    """Return rows that begin differently and end alike."""
    return np.hstack([first, np.tile(rest, (len(first), 1))])


@pytest.mark.parametrize("name", ["zdt2", "zdt3"])
def test_the_front_of_zdt_is_where_all_inputs_but_the_first_are_zero(name: str) -> None:
    problem = problem_named(name)
    rest = np.zeros(len(problem.study.parameters) - 1)

    assert reached(problem, beside(ALONG[:, None], rest)) == pytest.approx(1.0, abs=0.002)


def test_the_front_of_dtlz7_is_where_its_last_inputs_are_zero() -> None:
    grid = np.stack(np.meshgrid(*2 * [np.linspace(0.0, 1.0, 31)]), axis=-1).reshape(-1, 2)

    share = reached(problem_named("dtlz7"), beside(grid, np.zeros(5)))

    assert 0.97 < share <= 1.0


@pytest.mark.parametrize(
    ("name", "kind"), [("shifted_zdt1_20", 1), ("shifted_zdt2_50", 2), ("shifted_zdt3_100", 3)]
)
def test_a_shifted_zdt_is_best_at_its_optimum(name: str, kind: int) -> None:
    problem = problem_named(name)
    optimum = Hill.of(len(problem.study.parameters) - 1, kind).optimum

    at_optimum = reached(problem, beside(ALONG[:, None], optimum))
    in_the_middle = reached(problem, beside(ALONG[:, None], np.full_like(optimum, 0.5)))

    assert at_optimum == pytest.approx(1.0, abs=0.01)
    assert in_the_middle < at_optimum - 0.05


@pytest.mark.parametrize("name", ["shifted_dtlz2_20", "shifted_dtlz2_100"])
def test_a_shifted_dtlz2_is_best_at_its_optimum(name: str) -> None:
    problem = problem_named(name)
    optimum = Hill.of(len(problem.study.parameters) - 1, 12).optimum

    assert reached(problem, beside(ALONG[:, None], optimum)) == pytest.approx(1.0, abs=0.01)


def test_random_points_are_as_far_from_a_shifted_front_as_is_said() -> None:
    hill = Hill.of(30, 0)
    uniform = np.random.default_rng(0).uniform(size=(4000, 30))

    heights = [hill.height(row) for row in uniform]

    assert np.mean(heights) == pytest.approx(TYPICAL_EXCESS, rel=0.05)
    assert hill.height(hill.optimum) == 0.0


def test_feasible_points_reach_the_front_of_c2_dtlz2() -> None:
    problem = problem_named("c2_dtlz2")
    rows = beside(np.linspace(0.0, 1.0, 401)[:, None], np.full(5, 0.5))

    feasible = [problem.is_feasible(true(problem, each)) for each in points(rows)]

    assert reached(problem, rows) == pytest.approx(1.0, abs=0.005)
    assert 0.3 < np.mean(feasible) < 0.9


def test_feasible_points_reach_the_front_of_mw7() -> None:
    front = mw7_front()[:: ANGLES // 400]
    radius = np.linalg.norm(front, axis=1)
    # Each input but the first is what takes its share of the distance to nothing; the last one
    # takes it to the radius.
    inputs = [front[:, 0] / radius]
    for _ in range(3):
        inputs.append(1.0 - (inputs[-1] - 0.5) ** 2)
    inputs[-1] = inputs[-1] - np.sqrt((radius - 1.0 + 1e-9) / 2)

    share = reached(problem_named("mw7"), np.stack(inputs, axis=1))

    assert 0.97 < share <= 1.0


def test_feasible_points_reach_the_front_of_osy() -> None:
    rows = osy_inputs(60)
    # The pieces lie on the limits; a hair inside, rounding does no harm.
    inside = np.array([[2.5, 1.2, 2.0, 0.5, 2.0, 0.5]])
    rows[:, [0, 1, 2, 3, 5]] += 1e-7 * (inside - rows)[:, [0, 1, 2, 3, 5]]

    assert reached(problem_named("osy"), rows) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_that_is_tried_at_random_beats_the_best_of_a_draw(seed: int) -> None:
    problem = gaussian_process_draw(Kernel.MATERN, 4, 2, seed=seed)
    uniform = np.random.default_rng(7).uniform(size=(400, 4))

    assert 0.3 < reached(problem, uniform) < 1.0


@pytest.mark.parametrize("kernel", list(Kernel))
def test_draws_have_the_variance_of_their_prior(kernel: Kernel) -> None:
    origin = torch.zeros(1, 3, dtype=torch.float64)

    found = [float(Draw.of(kernel, 3, 1, seed).values(origin)) for seed in range(300)]

    # At the origin the sum of features is a draw of variance one.
    assert np.std(found) == pytest.approx(1.0, abs=0.12)


def test_draws_of_choices_are_alike_as_their_kernel_says() -> None:
    parameters = [Categorical("a", [1, 2, 3], ordered=True), Categorical("b", ["x", "y"])]

    found = np.hstack([draws(parameters, 1, seed) for seed in range(2000)])

    assert found.shape == (6, 2000)
    assert found.std(axis=1) == pytest.approx(np.ones(6), abs=0.1)
    near, far = np.corrcoef(found)[0, [index_of(parameters, {"a": a, "b": "x"}) for a in (2, 3)]]
    assert 0.2 < far < near < 1.0


def test_choices_without_an_order_are_all_alike() -> None:
    kernel = covariance(Categorical("kind", ["a", "b", "c"]), 1.0)

    assert kernel[0, 1] == kernel[0, 2] == pytest.approx(np.exp(-0.5))
