"""Samplers by the names that the command line uses."""

from collections.abc import Callable

from moopt.errors import SelectionError
from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.quasi_random import QuasiRandomSampler, RandomSampler

SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "auto": BayesianSampler,
    "bayesian": BayesianSampler,
    "sobol": QuasiRandomSampler,
    "random": RandomSampler,
}


def sampler_named(name: str) -> Sampler:
    """Return a sampler by name.

    Raises:
        SelectionError: There is none of that name.
    """
    if name not in SAMPLERS:
        raise SelectionError(f"there is no sampler {name!r}; choose from {list(SAMPLERS)}")
    return SAMPLERS[name]()
