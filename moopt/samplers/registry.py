"""Samplers and stopping rules by the names that the command line uses."""

from collections.abc import Callable
from functools import partial

from moopt.errors import SelectionError
from moopt.protocols import Sampler, StoppingRule
from moopt.samplers.asha import AshaSampler
from moopt.samplers.auto import AutoSampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.gap_filling import GapFillingSampler
from moopt.samplers.multi_fidelity import MultiFidelitySampler
from moopt.samplers.optional import map_elites_sampler, optuna_sampler, pymoo_sampler
from moopt.samplers.pareto_classifier import ParetoClassifierSampler
from moopt.samplers.preference_batch import PreferenceBatchSampler
from moopt.samplers.quasi_random import QuasiRandomSampler, RandomSampler
from moopt.samplers.racing import RacingSampler
from moopt.samplers.stopping import MoAshaStopping
from moopt.samplers.trust_region import TrustRegionSampler

SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "auto": AutoSampler,
    "bayesian": BayesianSampler,
    "trust_region": TrustRegionSampler,
    "multi_fidelity": MultiFidelitySampler,
    "asha": AshaSampler,
    "racing": RacingSampler,
    "sobol": QuasiRandomSampler,
    "random": RandomSampler,
    "nsga2": partial(pymoo_sampler, "nsga2"),
    "nsga3": partial(pymoo_sampler, "nsga3"),
    "gap_filling": GapFillingSampler,
    "preference_batch": PreferenceBatchSampler,
    "pareto_classifier": ParetoClassifierSampler,
    "map_elites": map_elites_sampler,
    "tpe": partial(optuna_sampler, "tpe"),
}

RULES: dict[str, Callable[[], StoppingRule]] = {"mo_asha": MoAshaStopping}

OPTUNA = "optuna:"
"""What stands before the name of a class of `optuna.samplers`."""

MAP_ELITES = "map_elites:"
"""What stands before the features that make the kinds of trials."""


def sampler_named(name: str) -> Sampler:
    """Return a sampler by name.

    Raises:
        SelectionError: There is none of that name, or the package that it needs is not installed.
    """
    if name.startswith(OPTUNA):
        return optuna_sampler(name.removeprefix(OPTUNA))
    if name.startswith(MAP_ELITES):
        return map_elites_sampler(name.removeprefix(MAP_ELITES))
    if name not in SAMPLERS:
        raise SelectionError(
            f"there is no sampler {name!r}; choose from {list(SAMPLERS)} or name a class of "
            "Optuna's, such as 'optuna:NSGAIISampler'"
        )
    return SAMPLERS[name]()


def stopping_rule_named(name: str) -> StoppingRule:
    """Return a stopping rule by name.

    Raises:
        SelectionError: There is none of that name.
    """
    if name not in RULES:
        raise SelectionError(f"there is no stopping rule {name!r}; choose from {list(RULES)}")
    return RULES[name]()
