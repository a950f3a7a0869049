"""Benchmark problems by name."""

import importlib
from collections.abc import Callable
from functools import partial

from moopt.benchmarks.crashing import crash_band, crash_edge
from moopt.benchmarks.merge_surfaces import accuracy_surface, loss_surface
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.synthetic import (
    branin_currin,
    dtlz2,
    noisy_branin_currin,
    vehicle_safety,
    zdt1,
)
from moopt.errors import MissingDependencyError, SelectionError


def digits(factory: str) -> Problem:
    """Return a problem of `digits_merge`, whose images come with scikit-learn.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        module = importlib.import_module("moopt.benchmarks.digits_merge")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "sklearn":
            raise
        raise MissingDependencyError(
            f"the problem {factory!r} needs the images of scikit-learn, which is not installed; "
            "pip install scikit-learn"
        ) from error
    problem: Problem = getattr(module, factory)()
    return problem


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "zdt1": zdt1,
    "dtlz2": dtlz2,
    "branin_currin": branin_currin,
    "noisy_branin_currin": noisy_branin_currin,
    "vehicle_safety": vehicle_safety,
    "crash_edge": crash_edge,
    "crash_band": crash_band,
    "loss_surface_3": partial(loss_surface, 3),
    "loss_surface_6": partial(loss_surface, 6),
    "accuracy_surface_3": partial(accuracy_surface, 3),
    "accuracy_surface_6": partial(accuracy_surface, 6),
    "digits_isotropic": partial(digits, "digits_isotropic"),
    "digits_blockwise": partial(digits, "digits_blockwise"),
}


def problem_named(name: str) -> Problem:
    """Return a problem by name.

    Raises:
        SelectionError: There is none of that name.
    """
    if name not in PROBLEMS:
        raise SelectionError(f"there is no problem {name!r}; choose from {list(PROBLEMS)}")
    return PROBLEMS[name]()
