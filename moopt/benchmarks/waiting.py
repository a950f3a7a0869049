"""A study file whose evaluations take a random time in which nothing is computed.

How long is drawn from the trial's seed: so a benchmark knows it to the millisecond, whatever
process the trial ran in, and two executors can be given the same work. Nothing heavy is imported,
so that workers are there soon.
"""

import os
import time
from collections.abc import Mapping

from moopt.study.evaluation import Context
from moopt.study.objectives import Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.study.validation import Raw

SECONDS_VARIABLE = "MOOPT_BENCHMARK_SECONDS"
"""Tells worker processes the shortest and the longest evaluation, as in `1-5`."""

SEEDS = 2**32
"""Seeds of evaluations are spread evenly over the whole numbers below this one."""

study = Study(
    "waiting",
    parameters=[Continuous(f"x{index}", 0.0, 1.0) for index in range(6)],
    objectives=[
        Objective("near_the_origin", Minimize, reference=6.0),
        Objective("near_the_corner", Minimize, reference=6.0),
    ],
)


def evaluation_seconds(trial: Trial, span: str) -> float:
    """Return how long a trial takes, uniform between two numbers of seconds.

    Args:
        trial: Its seed is what the draw depends on.
        span: The shortest and the longest, as in `1-5`, or one number.
    """
    shortest, _, longest = span.partition("-")
    share = trial.seed / SEEDS
    return float(shortest) + share * (float(longest or shortest) - float(shortest))


def evaluate(trial: Trial, _context: Context) -> Mapping[str, Raw]:
    """Wait, and measure how far two points are."""
    time.sleep(evaluation_seconds(trial, os.environ[SECONDS_VARIABLE]))
    point = [float(str(value)) for value in trial.parameters.values()]
    return {
        "near_the_origin": sum(value**2 for value in point),
        "near_the_corner": sum((1.0 - value) ** 2 for value in point),
    }
