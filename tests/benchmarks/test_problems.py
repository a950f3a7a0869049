import numpy as np
import pytest
from botorch.test_functions.multi_objective import DTLZ2

from moopt.benchmarks.merge_surfaces import HIGHEST, front_coefficients, surfaces
from moopt.benchmarks.problem import Problem, Score
from moopt.benchmarks.problems import PROBLEMS, problem_named
from moopt.benchmarks.registry import Family
from moopt.benchmarks.synthetic import dtlz2
from moopt.errors import SelectionError
from moopt.study.trials import Failure

MATHEMATICAL = [
    name
    for name, entry in PROBLEMS.items()
    if entry.family in {Family.CONTINUOUS, Family.LARGE, Family.CONSTRAINED, Family.CRASHES}
    or "surface" in name
]


def point(problem: Problem, *values: float) -> dict[str, float]:
    return {each.name: value for each, value in zip(problem.study.parameters, values, strict=True)}


@pytest.mark.parametrize("name", MATHEMATICAL)
def test_a_problem_has_references_and_a_front_above_them(name: str) -> None:
    problem = problem_named(name)

    assert problem.name == name
    assert problem.best_hypervolume > 0
    assert all(objective.reference is not None for objective in problem.study.objectives)
    assert sorted(problem.checkpoints) == list(problem.checkpoints)


def test_zdt1_is_optimal_where_all_but_the_first_are_zero() -> None:
    problem = problem_named("zdt1")

    values = problem.true_values(point(problem, 0.25, 0, 0, 0, 0, 0))

    # The front is one less the root of the first objective.
    assert values == {"f0": 0.25, "f1": 0.5}


# Closed forms for ZDT1 and DTLZ2, NSGA-II and an archive of the literature for the others.
@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("zdt1", 120 + 2 / 3),
        ("dtlz2", 1.21 - np.pi / 4),
        ("branin_currin", 59.36011874867746),
        ("noisy_branin_currin", 59.36011874867746),
        ("vehicle_safety", 246.81607081187002),
    ],
)
def test_the_best_hypervolume_is_the_known_one(name: str, best: float) -> None:
    assert problem_named(name).best == pytest.approx(best)


def test_the_front_of_dtlz2_nearly_reaches_its_best_hypervolume() -> None:
    problem = dtlz2(6, 2)
    assert problem.best == DTLZ2(dim=6, num_objectives=2).max_hv
    along = [point(problem, x, 0.5, 0.5, 0.5, 0.5, 0.5) for x in np.linspace(0, 1, 201)]

    assert problem.hypervolumes(along)[-1] == pytest.approx(problem.best, rel=0.01)


def test_vehicle_safety_is_searched_in_millimetres() -> None:
    problem = problem_named("vehicle_safety")

    values = problem.true_values(point(problem, 1, 1, 1, 1, 1))

    # The sum of the coefficients of the mass.
    assert not isinstance(values, Failure)
    assert values["mass"] == pytest.approx(1661.7078225)


@pytest.mark.parametrize(
    ("name", "crashing", "running"),
    [("crash_edge", [0.0, 0.29], [0.3, 1.0]), ("crash_band", [0.36, 0.64], [0.0, 0.35, 0.65])],
)
def test_points_crash_where_they_should(
    name: str, crashing: list[float], running: list[float]
) -> None:
    problem = problem_named(name)

    crashed = [problem.measure(point(problem, x, 0.5), 0) for x in crashing]
    ran = [problem.measure(point(problem, x, 0.5), 0) for x in running]

    assert all(isinstance(each, Failure) for each in crashed)
    assert not any(isinstance(each, Failure) for each in ran)


# The area below 1.2 and right of the front, integrated by hand.
@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("crash_edge", 0.7 * 1.2 - 0.7**3 / 3 + 0.2 * 1.2),
        ("crash_band", 0.07 + 0.35**2 / 2 + 0.3 * 0.55 + 0.07 + (1 - 0.65**2) / 2 + 0.24),
    ],
)
def test_the_front_beside_the_crashes_is_known(name: str, best: float) -> None:
    assert problem_named(name).best == pytest.approx(best, abs=1e-4)


def test_crashes_add_nothing_to_the_hypervolume() -> None:
    problem = problem_named("crash_edge")

    history = problem.hypervolumes([{"x": 0.1, "y": 0.0}, {"x": 1.0, "y": 0.0}])

    # (1, 0) against (1.2, 1.2)
    assert history == pytest.approx([0.0, 0.24])


def test_noise_is_measured_and_not_scored() -> None:
    problem = problem_named("noisy_branin_currin")
    middle = point(problem, 0.5, 0.5)

    first, again, other = (problem.measure(middle, seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other
    assert problem.hypervolumes([middle]) == problem_named("branin_currin").hypervolumes([middle])


@pytest.mark.parametrize("experts", [3, 6])
def test_a_surface_is_one_at_the_base_model_and_zero_at_its_best(experts: int) -> None:
    for surface in surfaces(experts):
        ends = surface.excess(np.stack([np.zeros(experts), surface.centre]))

        assert ends == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("experts", [3, 6])
def test_no_merge_beats_the_computed_front_of_the_surfaces(experts: int) -> None:
    tasks = surfaces(experts)
    front = np.stack([task.excess(front_coefficients(tasks)) for task in tasks], axis=1)
    merges = np.random.default_rng(0).uniform(0.0, HIGHEST, (500, experts))
    found = np.stack([task.excess(merges) for task in tasks], axis=1)
    near = np.clip(front_coefficients(tasks)[::10] + 0.01 * (merges[:101] - 0.6), 0.0, HIGHEST)
    found = np.vstack([found, np.stack([task.excess(near) for task in tasks], axis=1)])

    beaten = (found[:, None] < front - 1e-9).all(axis=2)

    assert not beaten.any()


def test_the_gradient_of_a_surface_is_its_slope() -> None:
    surface = surfaces(3)[0]
    here, step = np.array([[0.3, 0.8, 0.1]]), 1e-6

    slope = [
        float((surface.excess(here + step * unit) - surface.excess(here - step * unit))[0])
        / (2 * step)
        for unit in np.eye(3)
    ]

    assert surface.gradient(here)[0] == pytest.approx(slope, rel=1e-6)


def test_a_score_is_better_as_it_says() -> None:
    gap = problem_named("zdt1")
    share = problem_named("crash_edge")

    assert gap.scored(gap.best_hypervolume - 0.01) == pytest.approx(-2)
    assert gap.is_better(-2.0, -1.0)
    assert share.score is Score.SHARE
    assert share.scored(share.best_hypervolume / 2) == 0.5
    assert share.is_better(0.9, 0.5)


def test_an_approximate_best_that_was_passed_has_a_finite_gap() -> None:
    problem = problem_named("vehicle_safety")

    assert problem.scored(problem.best_hypervolume + 1) == pytest.approx(
        np.log10(1e-9 * problem.best_hypervolume)
    )


def test_an_unknown_problem_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SelectionError, match="there is no problem 'sphere'; choose from"):
        problem_named("sphere")


@pytest.mark.slow
def test_the_digits_experts_read_their_own_digits_only() -> None:
    pytest.importorskip("sklearn")
    problem = problem_named("digits_blockwise")
    isotropic = problem_named("digits_isotropic")
    tensors = range(6)

    def read(upright: float, turned: float) -> list[float]:
        values = problem.true_values(
            {f"upright_{place}": upright for place in tensors}
            | {f"turned_{place}": turned for place in tensors}
        )
        assert values == isotropic.true_values({"upright": upright, "turned": turned})
        return list(values.values()) if not isinstance(values, Failure) else []

    # reference/systems.md, section 5: a base at .45 and .43, experts at .966 and .101.
    assert read(0, 0) == pytest.approx([0.45, 0.43], abs=0.05)
    assert read(1, 0) == pytest.approx([0.966, 0.101], abs=0.02)
    assert read(0, 1) == pytest.approx([0.100, 0.966], abs=0.02)
