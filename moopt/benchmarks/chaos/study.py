"""The study file of the runs that are killed: waits of random length, and a line before and after.

The numbers are those of a smooth problem, each with noise that no other evaluation draws.
"""

import os
import random
import time
from collections.abc import Mapping
from pathlib import Path

from moopt.benchmarks.chaos.evidence import Happened, append, line_of
from moopt.study.evaluation import Context
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.study.validation import Raw

NAME_VARIABLE = "MOOPT_CHAOS_STUDY"
LOG_VARIABLE = "MOOPT_CHAOS_LOG"
LONGEST_VARIABLE = "MOOPT_CHAOS_SECONDS"
CRASHING_VARIABLE = "MOOPT_CHAOS_CRASHING"
SHORTEST_SECONDS = 0.1
NOISE = 0.01

study = Study(
    os.environ.get(NAME_VARIABLE, "chaos"),
    parameters=[Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)],
    objectives=[
        Objective("gain", Maximize, reference=-1.5),
        Objective("cost", Minimize, reference=2.5),
    ],
)


def evaluate(trial: Trial, context: Context) -> Mapping[str, Raw]:
    """Wait for a moment, twice, and measure.

    Raises:
        ArithmeticError: The trial lies where evaluations are to crash.
    """
    log = Path(os.environ[LOG_VARIABLE])
    append(log, line_of(Happened.BEGAN, trial, {}))
    # Of the operating system, not of the seed: no two evaluations measure the same.
    draw = random.SystemRandom()
    seconds = draw.uniform(SHORTEST_SECONDS, float(os.environ.get(LONGEST_VARIABLE, "0.6")))
    x, y = (float(str(trial.parameters[name])) for name in ("x", "y"))
    time.sleep(seconds / 2)
    context.report(0.5, {"gain": x, "cost": x})
    time.sleep(seconds / 2)
    if x < float(os.environ.get(CRASHING_VARIABLE, "0")):
        raise ArithmeticError(f"nothing can be measured at x = {x}")
    measured = {
        "gain": (x - y * y + draw.uniform(-NOISE, NOISE), NOISE),
        "cost": (x * x + y + draw.uniform(-NOISE, NOISE), NOISE),
    }
    append(log, line_of(Happened.FINISHED, trial, measured))
    return measured
