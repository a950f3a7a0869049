"""How much accuracy does a millisecond buy?

A study for tests of the dashboard: cheap, and slow enough to be watched.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from moopt import (
    Categorical,
    Continuous,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
    Simplex,
    Study,
    Trial,
    When,
)
from moopt.study.evaluation import Context

study = Study(
    "live",
    parameters=[
        Continuous("learning_rate", 1e-4, 1.0, log=True),
        Continuous("width", 0.0, 1.0),
        Categorical("optimizer", ["adamw", "<b>sgd</b>"]),
        Continuous("momentum", 0.0, 0.99, when=When("optimizer", "<b>sgd</b>")),
        Simplex("mixture", ["news", "mail", "chat"]),
    ],
    objectives=[
        Objective("accuracy", Maximize, reference=0.0),
        Objective("latency_ms", Minimize, reference=60.0),
    ],
    outcome_constraints=[OutcomeConstraint("toxicity", at_most=0.5)],
)


def evaluate(trial: Trial, context: Context) -> dict[str, float | tuple[float, float]]:
    context.logger.info("measuring <i>trial</i> %d", trial.number)
    time.sleep(0.3)
    width, mixture = trial.parameters["width"], trial.parameters["mixture"]
    assert isinstance(width, float)
    assert isinstance(mixture, Mapping)
    if mixture["chat"] > 0.7:
        raise RuntimeError("<script>alert(1)</script> chat does not fit")
    return {
        "accuracy": (1 - (width - 0.9) ** 2 + 0.1 * mixture["news"], 0.02),
        "latency_ms": (4 + 50 * width**2 + 5 * mixture["mail"], 0.5),
        "toxicity": mixture["chat"],
    }


def export(trial: Trial, directory: Path) -> None:
    (directory / "model.txt").write_text(str(trial.number))
