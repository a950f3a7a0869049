"""A study whose front is known, and trials of it."""

import math

from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

ARC = Study(
    "arc",
    parameters=[Continuous("angle", 0, 1), Continuous("loss", 0, 1)],
    objectives=[
        Objective("a", Maximize, reference=-0.1, noise=0.0),
        Objective("b", Maximize, reference=-0.1, noise=0.0),
    ],
)
"""The front is a quarter of a circle, where nothing is lost."""


def arc_trials(points: list[tuple[float, float]]) -> list[Trial]:
    return [
        Trial(
            number,
            {"angle": angle, "loss": loss},
            state=TrialState.COMPLETED,
            measurements={
                "a": Measurement((1 - loss / 2) * math.cos(angle * math.pi / 2)),
                "b": Measurement((1 - loss / 2) * math.sin(angle * math.pi / 2)),
            },
        )
        for number, (angle, loss) in enumerate(points)
    ]
