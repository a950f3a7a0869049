"""Bayesian multi-objective optimization of training hyperparameters and model merging.

The vocabulary loads at once. What needs torch or a database loads when it is first used, so that
`import moopt` stays light.
"""

import importlib
from typing import TYPE_CHECKING

from moopt.study.conditions import When
from moopt.study.objectives import (
    Direction,
    Fidelity,
    LinearConstraint,
    Maximize,
    Minimize,
    Objective,
    OutcomeConstraint,
)
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.scale import scaled
from moopt.study.simplex import Simplex
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Candidate, Measurement, Trial, TrialState

if TYPE_CHECKING:
    from moopt.front.front import Front
    from moopt.loop import optimize
    from moopt.optimizer import Optimizer
    from moopt.store.store import Store

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Categorical",
    "Continuous",
    "Direction",
    "Fidelity",
    "Front",
    "Integer",
    "LinearConstraint",
    "Maximize",
    "Measurement",
    "Minimize",
    "Objective",
    "Optimizer",
    "OutcomeConstraint",
    "Simplex",
    "Source",
    "Store",
    "Study",
    "Trial",
    "TrialState",
    "When",
    "optimize",
    "scaled",
]

_LAZY = {
    "Front": "moopt.front.front",
    "Optimizer": "moopt.optimizer",
    "Store": "moopt.store.store",
    "optimize": "moopt.loop",
}


def __getattr__(name: str) -> object:
    """Load what is heavy when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'moopt' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
