"""Every problem can be searched, and may be tuned on or is reported, as the documentation says."""

import sys
from pathlib import Path

import pytest

from moopt.benchmarks.problem_table import HEAD, row
from moopt.benchmarks.problems import PROBLEMS, problem_named, problems_of
from moopt.benchmarks.registry import Family, Use, lazily
from moopt.errors import MissingDependencyError, SelectionError
from moopt.study.trials import Failure
from moopt.study.validation import check_measurements
from tests.benchmarks.problem_values import drawn

PAGE = Path(__file__).parents[2] / "docs" / "benchmark.md"
LINES = PAGE.read_text().splitlines()
TABLE = LINES[LINES.index(HEAD[0]) :]
OLD = {
    "zdt1",
    "dtlz2",
    "branin_currin",
    "vehicle_safety",
    "crash_edge",
    "loss_surface_3",
    "accuracy_surface_6",
    "digits_isotropic",
    "digits_blockwise",
}


@pytest.mark.parametrize("family", sorted(set(Family) - {Family.DRAWS}, key=str))
def test_a_family_has_problems_to_tune_on_and_to_report(family: Family) -> None:
    tuned = problems_of(family=family, use=Use.DEVELOPMENT)
    reported = problems_of(family=family, use=Use.REPORTED)

    assert len(tuned) >= 1
    assert len(reported) >= 1
    assert abs(len(tuned) - len(reported)) <= 2
    assert sorted(tuned + reported) == sorted(problems_of(family=family))


def test_draws_are_never_reported_and_neither_is_what_was_tuned_on() -> None:
    reported = problems_of(use=Use.REPORTED)

    assert not OLD & set(reported)
    assert not any(name.startswith("draw_") for name in reported)
    assert len(problems_of(family=Family.DRAWS)) > 10


def test_the_known_figures_are_of_reported_problems() -> None:
    assert {"hpolib_protein", "nas201_cifar100"} <= set(problems_of(use=Use.REPORTED))


def test_the_page_names_every_problem_once_in_the_order_of_the_registry() -> None:
    named = [line.split("`")[1] for line in TABLE if line.startswith("| `")]

    assert named == list(PROBLEMS)
    assert TABLE[: len(HEAD)] == list(HEAD)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PROBLEMS))
def test_a_problem_can_be_searched_and_is_on_the_page_as_it_is(name: str) -> None:
    problem = problem_named(name)
    study = problem.study
    outcomes = {each.name for each in study.objectives}
    outcomes |= {each.name for each in study.outcome_constraints}

    points = drawn(problem, 3)
    found = [problem.true_values(point) for point in points]
    measured = [problem.measure(point, 0) for point in points]

    assert problem.name == name
    assert all(isinstance(each, Failure) or set(each) == outcomes for each in found)
    assert all(isinstance(m, Failure) or set(check_measurements(m)) == outcomes for m in measured)
    assert all(objective.reference is not None for objective in study.objectives)
    assert problem.best is None or problem.best > 0
    assert len(problem.hypervolumes(points)) == 3
    assert row(name, problem) in LINES


def test_a_problem_is_made_once_in_a_process() -> None:
    assert problem_named("zdt2") is problem_named("zdt2")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "moopt.benchmarks.mixtures", raising=False)
    for name in ["sklearn", *(name for name in sys.modules if name.startswith("sklearn."))]:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependencyError, match="'mixture_digits' needs scikit-learn"):
        lazily("mixtures", "mixture_digits")()


def test_a_best_that_is_not_known_is_refused() -> None:
    problem = problem_named("mixture_breast_cancer")

    assert problem.best is None
    with pytest.raises(SelectionError, match="is not known; compare hypervolumes"):
        _ = problem.best_hypervolume
