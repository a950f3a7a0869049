from collections.abc import Sequence

import numpy as np
import pytest

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.shifted import shifted_dtlz2
from moopt.benchmarks.synthetic import dtlz2
from moopt.benchmarks.timing import known_points
from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.samplers.history import key
from moopt.samplers.quasi_random import RandomSampler
from moopt.samplers.regions import REGIONS, region_of
from moopt.samplers.trust_region import NAME, TrustRegionSampler
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure, Measurement, Trial, TrialState


def told(problem: Problem, optimizer: Optimizer, trials: Sequence[Trial]) -> None:
    for trial in trials:
        measured = problem.measure(trial.parameters, trial.number)
        assert not isinstance(measured, Failure)
        optimizer.tell(trial.number, measured)


def searched(problem: Problem, sampler: Sampler, count: int, *, at_once: int = 1) -> Optimizer:
    optimizer = Optimizer(problem.study, sampler, seed=0)
    while len(optimizer.trials) < count:
        told(problem, optimizer, optimizer.ask(at_once))
    return optimizer


def many_trials(count: int) -> tuple[Problem, Optimizer]:
    """Return a study with more trials than are learned from at once."""
    problem = dtlz2(6, 2)
    sampler = TrustRegionSampler(surrogate="rbf")
    optimizer = Optimizer(problem.study, sampler, seed=0)
    for point in known_points(2, count):
        told(problem, optimizer, [optimizer.attach(point)])
    return problem, optimizer


def test_regions_take_turns_and_say_where_they_are() -> None:
    problem = dtlz2(4, 2)
    optimizer = searched(problem, TrustRegionSampler(initial_trials=8, surrogate="rbf"), 14)

    later = optimizer.trials[8:]

    assert [region_of(trial) for trial in later] == [0, 1, 2, 3, 4, 0]
    assert {trial.sampler for trial in later} == {NAME}
    assert all(" wide around trial " in trial.notes["region"] for trial in later)


def test_of_many_trials_each_region_adds_to_the_front() -> None:
    problem, optimizer = many_trials(310)
    before = optimizer.front().hypervolume()

    trials = optimizer.ask(5)
    told(problem, optimizer, trials)

    assert [region_of(trial) for trial in trials] == list(range(REGIONS))
    on_front = {trial.number for trial in optimizer.front().trials}
    assert len(on_front & {trial.number for trial in trials}) >= 3
    assert optimizer.front().hypervolume() > before


def test_a_large_batch_is_spread_over_the_regions() -> None:
    problem = dtlz2(4, 2)
    sampler = TrustRegionSampler(initial_trials=8, surrogate="rbf")
    optimizer = searched(problem, sampler, 16, at_once=16)

    trials = optimizer.ask(40)
    told(problem, optimizer, trials)

    assert [sum(region_of(each) == n for each in trials) for n in range(REGIONS)] == [8] * REGIONS
    assert len({key(trial.parameters) for trial in trials}) == 40
    # On the front values have length one.
    values = np.array([[m.mean for m in trial.measurements.values()] for trial in optimizer.trials])
    first, later = np.linalg.norm(values[:16], axis=1), np.linalg.norm(values[16:], axis=1)
    assert np.median(later) < np.median(first)


def test_trials_that_were_not_measured_whole_and_trials_beyond_limits_are_begun_at() -> None:
    study = Study(
        "halves",
        parameters=[Continuous("x", 0, 1), Continuous("y", 0, 1)],
        objectives=[
            Objective("a", Maximize, reference=0.0),
            Objective("b", Maximize, reference=0.0),
        ],
    )
    halves = [
        Trial(
            number,
            {"x": number / 12, "y": (5 * number % 12) / 12},
            state=TrialState.COMPLETED,
            measurements={"a" if number % 2 else "b": Measurement(float(number))},
        )
        for number in range(12)
    ]

    candidates = TrustRegionSampler().propose(study, halves, 2, seed=0)

    assert [each.sampler for each in candidates] == [NAME] * 2


@pytest.mark.slow
def test_with_fifty_parameters_it_gets_far_where_random_search_does_not() -> None:
    problem = shifted_dtlz2(50, 2)

    ours = searched(problem, TrustRegionSampler(surrogate="rbf"), 60)
    random = searched(problem, RandomSampler(), 60)

    assert ours.front().hypervolume() > 1.5 * random.front().hypervolume()
