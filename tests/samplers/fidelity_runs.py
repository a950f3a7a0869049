"""Studies with a fidelity, and searches of them in memory."""

import math
from collections.abc import Callable, Mapping

from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study

EPOCHS = Fidelity("epochs", low=1, high=9)
Measure = Callable[[Parameters, float], Mapping[str, float] | None]
"""Measurements of parameters at a fidelity. None: they fail."""

CURVES = Study(
    "curves",
    parameters=[Continuous("rate", 0, 1), Continuous("width", 0, 1)],
    objectives=[
        Objective("score", Maximize, reference=0.0),
        Objective("time", Minimize, reference=1.5),
    ],
    fidelity=EPOCHS,
)


def number(parameters: Parameters, name: str) -> float:
    value = parameters[name]
    assert isinstance(value, float)
    return value


def curves(parameters: Parameters, epochs: float) -> dict[str, float]:
    """Learn fast or slowly, towards a score that grows with the width."""
    rate, width = number(parameters, "rate"), number(parameters, "width")
    limit = 0.5 + 0.5 * width - (rate - 0.6) ** 2
    return {"score": limit - math.exp(-(0.2 + rate) * epochs), "time": 0.2 + width**2}


def search(
    study: Study, sampler: Sampler, asked: int, measure: Measure = curves, seed: int = 0
) -> Optimizer:
    """Ask and tell, one trial at a time."""
    optimizer = Optimizer(study, sampler, seed=seed)
    for _ in range(asked):
        for trial in optimizer.ask():
            assert trial.fidelity is not None
            found = measure(trial.parameters, trial.fidelity)
            if found is None:
                optimizer.fail(trial.number, "diverged")
            else:
                optimizer.tell(trial.number, found)
    return optimizer
