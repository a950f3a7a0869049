"""Searches of a study whose user has aspirations: what is beyond them is worth nothing."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.synthetic import dtlz2, zdt1
from moopt.front.hypervolume import hypervolume
from moopt.optimizer import Optimizer
from moopt.samplers.bayesian import BayesianSampler
from moopt.study.trials import Failure
from tests.strategies import Points

INITIAL = 8


def searched(
    problem: Problem, aspirations: Mapping[str, float], trials: int, initial: int | None = None
) -> Points:
    """Return the objectives of all trials, smaller is better."""
    study = replace(
        problem.study,
        objectives=[
            replace(each, noise=0.0, aspiration=aspirations.get(each.name))
            for each in problem.study.objectives
        ],
    )
    optimizer = Optimizer(study, BayesianSampler(initial_trials=initial), seed=0)
    rows = []
    for _ in range(trials):
        (trial,) = optimizer.ask()
        values = problem.measure(trial.parameters, 0)
        assert not isinstance(values, Failure)
        optimizer.tell(trial.number, values)
        rows.append([values[each.name] for each in study.objectives])
    return np.array(rows)


@pytest.mark.slow
def test_trials_go_where_the_user_is_interested() -> None:
    problem, wanted = dtlz2(4), {"f0": 0.6, "f1": 0.6}
    best, worst = np.full(2, 0.6), np.full(2, 1.1)

    aspiring, indifferent = (searched(problem, each, 20, INITIAL) for each in (wanted, {}))

    def of_interest(rows: Points) -> int:
        return int(((rows >= best) & (rows < worst))[INITIAL:].all(axis=1).sum())

    def gained(rows: Points) -> float:
        return hypervolume(-np.maximum(rows, best), -worst)

    assert of_interest(aspiring) >= 3 * max(1, of_interest(indifferent))
    assert gained(aspiring) > 1.03 * gained(indifferent)


@pytest.mark.slow
def test_a_search_that_has_all_that_was_wanted_goes_on_to_the_front() -> None:
    problem = zdt1(3)

    rows = searched(problem, {"f0": 0.9, "f1": 5.0}, 18)

    assert (rows <= [0.9, 5.0]).all(axis=1).any()
    assert hypervolume(-rows, -np.array([11.0, 11.0])) > 120.0
