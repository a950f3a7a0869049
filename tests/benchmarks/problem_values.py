"""What a problem says of points that do not crash."""

from collections.abc import Mapping

from moopt.benchmarks.problem import Problem
from moopt.optimizer import Optimizer
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure, Measurement
from moopt.study.validation import check_measurements


def drawn(problem: Problem, count: int, seed: int = 0) -> list[Parameters]:
    """Return random points."""
    return [trial.parameters for trial in Optimizer(problem.study, "random", seed).ask(count)]


def true(problem: Problem, point: Parameters) -> Mapping[str, float]:
    """Return what is true of a point."""
    values = problem.true_values(point)
    assert not isinstance(values, Failure)
    return values


def seen(problem: Problem, point: Parameters, seed: int) -> dict[str, Measurement]:
    """Return what a search sees of a point."""
    values = problem.measure(point, seed)
    assert not isinstance(values, Failure)
    return check_measurements(values)
