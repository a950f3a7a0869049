"""Problems of which nearly a third crashes.

They are made to catch a search that proposes again and again what has crashed before.
"""

from collections.abc import Callable

import numpy as np

from moopt.benchmarks.problem import Problem, Score, minimizing
from moopt.front.hypervolume import hypervolume
from moopt.study.parameters import Continuous, Parameters
from moopt.study.trials import Failure, FailureKind

CRASH_REFERENCE = 1.2
GRID = (10_001, 11)
"""Points of the grid on which the fronts are computed, along x and y."""


def crash_edge() -> Problem:
    """Return a problem whose points crash on one side: three tenths of the space, x < 0.3."""
    return _crashing(
        "crash_edge",
        lambda x, y: np.stack([x + 0.1 * y, (1 - x) ** 2 + y], axis=-1),
        lambda x: x < 0.3,
    )


def crash_band() -> Problem:
    """Return a problem whose points crash in the middle of the front, 0.35 < x < 0.65."""
    return _crashing(
        "crash_band",
        lambda x, y: np.stack([x + 0.1 * y, 1 - x + 0.1 * y], axis=-1),
        lambda x: (x > 0.35) & (x < 0.65),
    )


def _crashing(
    name: str,
    objectives: Callable[[np.ndarray, np.ndarray], np.ndarray],
    crashes: Callable[[np.ndarray], np.ndarray],
) -> Problem:
    """Return a problem over the unit square, with its front computed on a fine grid.

    Args:
        name: Of the study.
        objectives: From x and y to two values in a last axis, smaller is better.
        crashes: From x to where a point crashes.
    """

    def true_values(values: Parameters) -> dict[str, float] | Failure:
        x, y = np.array(values["x"]), np.array(values["y"])
        if crashes(x):
            return Failure(FailureKind.CANDIDATE, f"crashed at x={x:g}")
        return dict(zip(("f0", "f1"), objectives(x, y).tolist(), strict=True))

    x, y = np.meshgrid(*(np.linspace(0.0, 1.0, count) for count in GRID))
    reached = objectives(x, y)[~crashes(x)]
    best = hypervolume(-reached, np.full(2, -CRASH_REFERENCE))
    return Problem(
        minimizing(
            name,
            [Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)],
            {"f0": CRASH_REFERENCE, "f1": CRASH_REFERENCE},
        ),
        true_values,
        true_best=best,
        checkpoints=(50,),
        score=Score.SHARE,
        initial_trials=8,
    )
