import math

import pytest

from moopt.optimizer import Optimizer
from moopt.samplers.bayesian import BayesianSampler
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study

DIMENSIONS = 3
ZDT1_VOLUME = 120.0 + 2 / 3
"""Hypervolume of the true front above (11, 11): 11 · 11 less the third under 1 - sqrt(f)."""


def zdt1(parameters: Parameters) -> dict[str, float]:
    """Zitzler, Deb and Thiele (2000), test function 1."""
    first, *rest = parameters.values()
    g = 1 + 9 * sum(rest) / len(rest)
    return {"f1": first, "f2": g * (1 - math.sqrt(first / g))}


def regret(sampler: str, seed: int, trials: int) -> float:
    study = Study(
        "zdt1",
        parameters=[Continuous(f"x{index}", 0, 1) for index in range(DIMENSIONS)],
        objectives=[
            Objective("f1", Minimize, reference=11.0, noise=0.0),
            Objective("f2", Minimize, reference=11.0, noise=0.0),
        ],
    )
    optimizer = Optimizer(study, sampler=sampler, seed=seed)
    for _ in range(trials):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, zdt1(trial.parameters))
    return ZDT1_VOLUME - optimizer.front().hypervolume()


@pytest.mark.slow
def test_the_front_of_zdt1_is_nearly_reached_where_random_search_is_far_away() -> None:
    assert regret("bayesian", 0, 24) < 0.2
    assert regret("random", 0, 24) > 2.0


@pytest.mark.slow
def test_the_search_stays_away_from_what_crashes_and_what_is_not_allowed() -> None:
    study = Study(
        "bounded",
        parameters=[Continuous("x", 0, 1), Continuous("y", 0, 1)],
        objectives=[
            Objective("a", Maximize, reference=0.0),
            Objective("b", Maximize, reference=0.0),
        ],
        outcome_constraints=[OutcomeConstraint("c", at_most=0.5)],
    )
    optimizer = Optimizer(study, sampler=BayesianSampler(initial_trials=8), seed=3)
    for _ in range(24):
        (trial,) = optimizer.ask()
        x, y = trial.parameters["x"], trial.parameters["y"]
        if x > 0.7:
            optimizer.fail(trial.number, "out of memory")
        else:
            optimizer.tell(trial.number, {"a": x, "b": 1 - x + y, "c": y})

    later = optimizer.trials[12:]
    # The best feasible points lie on the edge of the crash, so some tries beyond it are right.
    assert sum(trial.failure is not None for trial in later) <= 6
    # The best there is: x up to 0.7 without crashing, y at its limit of 0.5.
    ideal = sum(0.7 / 1000 * (1.5 - 0.7 * step / 1000) for step in range(1000))
    assert optimizer.front().hypervolume() > 0.9 * ideal
