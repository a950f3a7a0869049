"""Searches of a study with a known front, for comparisons between samplers."""

import math
from functools import cache
from statistics import median

from moopt.optimizer import Optimizer
from moopt.samplers.registry import sampler_named
from moopt.study.objectives import Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study

TRIALS = 100
ZDT1 = Study(
    "zdt1",
    parameters=[Continuous(f"x{index}", 0, 1) for index in range(6)],
    objectives=[Objective("f1", Minimize, reference=1.1), Objective("f2", Minimize, reference=6.0)],
)


def zdt1(parameters: Parameters) -> dict[str, float]:
    """Zitzler, Deb and Thiele (2000), test function 1."""
    first, *rest = parameters.values()
    g = 1 + 9 * sum(rest) / len(rest)
    return {"f1": first, "f2": g * (1 - math.sqrt(first / g))}


@cache
def hypervolume_of(sampler: str) -> float:
    """Return what a sampler reaches: the median over three seeds."""
    return median(_hypervolume(sampler, seed) for seed in range(3))


def _hypervolume(sampler: str, seed: int) -> float:
    optimizer = Optimizer(ZDT1, sampler=sampler_named(sampler), seed=seed)
    for _ in range(TRIALS):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, zdt1(trial.parameters))
    return optimizer.front().hypervolume()
