"""Samplers of packages that may be missing: loaded when they are asked for."""

import importlib
from collections.abc import Callable

from moopt.errors import SelectionError
from moopt.protocols import Sampler


def pymoo_sampler(algorithm: str) -> Sampler:
    """Return the sampler of an algorithm, `nsga2` or `nsga3`.

    Raises:
        SelectionError: pymoo is not installed, or there is no such algorithm.
    """
    return _loaded("moopt.samplers.from_pymoo:EvolutionarySampler", "pymoo", algorithm)


def optuna_sampler(name: str) -> Sampler:
    """Return `tpe`, or the sampler of a class of `optuna.samplers`.

    Raises:
        SelectionError: Optuna is not installed, or there is no such sampler.
    """
    return _loaded("moopt.samplers.from_optuna:OptunaSampler", "optuna", name)


def map_elites_sampler(features: str = "") -> Sampler:
    """Return MAP-Elites over features such as `latency_ms,rank:4`; without any, those of a study.

    Raises:
        SelectionError: pyribs is not installed, or a feature cannot be read.
    """
    place = "moopt.samplers.from_pyribs:map_elites"
    return _loaded(place, "ribs", features, sampler="map_elites", extra="illumination")


def _loaded(
    place: str, package: str, name: str, *, sampler: str | None = None, extra: str | None = None
) -> Sampler:
    module, _, factory = place.partition(":")
    try:
        make: Callable[[str], Sampler] = getattr(importlib.import_module(module), factory)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise SelectionError(
            f"the sampler {sampler or name!r} needs the package {package}, which is not "
            f"installed; pip install 'moopt[{extra or package}]'"
        ) from error
    return make(name)
