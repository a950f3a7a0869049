"""Our search as a sampler of Optuna: the study, its storage and its loop stay Optuna's.

Proposals depend on the seed, the trials and the trial's number alone, so a study that is resumed,
or searched by many processes, needs nothing but its storage.
"""

import secrets
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Any, final

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.samplers._base import _process_constraints_after_trial
from optuna.trial import FrozenTrial, TrialState

from moopt.integrations.optuna_history import OptunaHistory, proposal_attributes
from moopt.integrations.optuna_space import OptunaSpace, latest_distributions
from moopt.protocols import Sampler
from moopt.samplers.quasi_random import RandomSampler as RepeatingSampler
from moopt.samplers.registry import sampler_named
from moopt.samplers.starting_points import next_candidates

MOST_UNKNOWN = 4
"""Proposals that other processes are making at this moment and that are made here too, so that
this one differs. More are trials whose process is gone."""

_ONE_AT_A_TIME = threading.Lock()
"""Threads of a study wait for each other's proposals, which they are to know."""


@final
class MooptSampler(BaseSampler):
    """Proposes what moopt proposes: `optuna.create_study(sampler=MooptSampler())`.

    Parameters that only some trials ask for are searched where the value of one other parameter
    tells when they are; others, and those of the first trial, are drawn at random.

    Args:
        sampler: Name of a sampler of moopt's, or one of its own.
        seed: Equal seeds and equal trials give equal proposals. None: drawn.
        reference_point: Worst value still of interest of each objective, in its own unit. None:
            inferred once, from the first trials.
        constraints_func: As of Optuna's samplers: what it returns is to be at most 0. Optuna 5
            prefers `Trial.set_constraint`, which needs nothing here.
        failures_teach: Whether a failed trial was the fault of its parameters, and to be avoided.

    Raises:
        SelectionError: There is no sampler of that name.
    """

    def __init__(
        self,
        sampler: str | Sampler = "auto",
        *,
        seed: int | None = None,
        reference_point: Sequence[float] | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        failures_teach: bool = True,
    ) -> None:
        self._sampler = sampler_named(sampler) if isinstance(sampler, str) else sampler
        self._seed = secrets.randbits(31) if seed is None else seed
        self._reference_point = reference_point
        self._constraints_func = constraints_func
        self._failures_teach = failures_teach

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what earlier trials asked for, where it is known when."""
        del trial
        finished = [each for each in study.get_trials(deepcopy=False) if each.state.is_finished()]
        known = latest_distributions(each.distributions for each in reversed(finished))
        space = OptunaSpace.of(known, _completed_params(finished))
        return {name: known[name] for name in space.parameters}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the next proposal.

        Raises:
            StudyError: The reference point does not fit the objectives.
            SurrogateError: No Gaussian process fits an outcome.
        """
        with _ONE_AT_A_TIME:
            others = [
                each for each in study.get_trials(deepcopy=False) if each.number != trial.number
            ]
            space = OptunaSpace.of(search_space, _completed_params(others))
            if not space.parameters:
                return {}
            history = OptunaHistory(
                study.directions, others, self._reference_point, self._failures_teach
            )
            ahead = min(history.unknown_before(trial.number, space), MOST_UNKNOWN)
            ours = history.study(space)
            candidates = next_candidates(
                self._sampler, ours, history.ours(space), ahead + 1, self._seed
            )
            # Optuna has no word for a space in which everything was tried: then trials repeat.
            candidates = candidates or RepeatingSampler().propose(
                ours, [], 1, self._seed + trial.number
            )
            params = space.decode(candidates[-1].parameters)
            for name, text in proposal_attributes(params, search_space).items():
                study._storage.set_trial_system_attr(trial._trial_id, name, text)
        return params

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> object:
        """Return a random value, the same for this trial and parameter whoever draws it."""
        seed = zlib.crc32(f"{self._seed}/{trial.number}/{param_name}".encode())
        random = RandomSampler(seed=seed)
        return random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Write down what `constraints_func` says of a trial."""
        del values
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)


def _completed_params(trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    return [each.params for each in trials if each.state is TrialState.COMPLETE]
