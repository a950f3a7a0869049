"""Optuna's samplers, asked through a study in memory; all but the seed is at its default.

Conditions: a parameter is asked for where it counts (define by run). Simplexes: numbers whose
negative logarithms are normalised, as its FAQ has it. Limits on outcomes: `set_constraint`. Ordered
choices are whole numbers. It knows no linear constraints: a proposal that breaks one fails, and the
nearest valid one is enqueued. Nor does it know standard errors, or reference points. A trial that
fails, or gives a part of its measurements, is told as FAIL.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import final

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler
from optuna.trial import TrialState, create_trial

from moopt.benchmarks.peer_outcomes import Proposals, excesses, wholly_measured
from moopt.benchmarks.peer_space import Axis, FlatSpace, Kind, Weights
from moopt.benchmarks.problem import Found
from moopt.study.parameters import Parameters
from moopt.study.study import Study

OPTUNA_INITIAL = 10
"""Trials before Optuna's first model, by its own default."""


@final
class OptunaSearch:
    """A sampler of Optuna's."""

    def __init__(self, study: Study, sampler: BaseSampler) -> None:
        """Start with no trials."""
        self._space = FlatSpace.of(study, Weights.LOGARITHMS)
        self._proposals: Proposals[optuna.Trial] = Proposals()
        with _quiet():
            self._study = optuna.create_study(
                directions=[objective.direction.value for objective in study.objectives],
                sampler=sampler,
            )

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        point = self._space.point(parameters)
        axes = {axis.name: axis for axis in self._space.axes}
        values, limits = self._told(parameters, outcome)
        with _quiet():
            self._study.add_trial(
                create_trial(
                    state=TrialState.FAIL if values is None else TrialState.COMPLETE,
                    params=point,
                    distributions={name: _distribution(axes[name]) for name in point},
                    values=values,
                    constraints=dict(limits) or None,
                )
            )

    def ask(self) -> Parameters:
        """Propose a trial."""
        with _quiet():
            trial = self._study.ask()
            point = self._suggested(trial)
            parameters = self._space.parameters(point)
            if self._space.moved(point, parameters):
                self._study.tell(trial, state=TrialState.FAIL)
                self._study.enqueue_trial(self._space.point(parameters))
                trial = self._study.ask()
                self._suggested(trial)
        return self._proposals.add(parameters, trial)

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial, by how many were asked for before it."""
        parameters, trial = self._proposals.take(number)
        values, limits = self._told(parameters, outcome)
        with _quiet():
            for name, excess in limits.items():
                trial.set_constraint(name, excess)
            state = TrialState.FAIL if values is None else TrialState.COMPLETE
            self._study.tell(trial, values, state=state)

    def _suggested(self, trial: optuna.Trial) -> dict[str, float]:
        point: dict[str, float] = {}
        for axis in self._space.axes:
            if axis.when is not None:
                parent, values = axis.when
                if parent not in point or point[parent] not in values:
                    continue
            match axis.kind:
                case Kind.REAL:
                    value = trial.suggest_float(axis.name, axis.low, axis.high, log=axis.log)
                case Kind.WHOLE:
                    ends = int(axis.low), int(axis.high)
                    value = trial.suggest_int(axis.name, *ends, log=axis.log)
                case Kind.PICK:
                    value = trial.suggest_categorical(axis.name, range(int(axis.high) + 1))
            point[axis.name] = value
        return point

    def _told(
        self, parameters: Parameters, outcome: Found
    ) -> tuple[list[float] | None, Mapping[str, float]]:
        """Return the objectives, None where the trial failed, and the excess of each limit."""
        study = self._space.study
        found = wholly_measured(study, parameters, outcome)
        if found is None:
            return None, {}
        return [found[each.name].mean for each in study.objectives], excesses(study, found)


def tpe(study: Study, seed: int, *, initial_trials: int | None = None) -> OptunaSearch:
    """Return a search by TPE that samples parameters together, in groups where there are any."""
    initial = OPTUNA_INITIAL if initial_trials is None else initial_trials
    with _quiet():
        sampler = TPESampler(seed=seed, n_startup_trials=initial, multivariate=True, group=True)
    return OptunaSearch(study, sampler)


def nsga2(study: Study, seed: int, *, initial_trials: int | None = None) -> OptunaSearch:
    """Return a search by NSGA-II, whose first generation is as large as the others."""
    del initial_trials
    return OptunaSearch(study, NSGAIISampler(seed=seed))


def gaussian_process(study: Study, seed: int, *, initial_trials: int | None = None) -> OptunaSearch:
    """Return a search by Gaussian processes."""
    initial = OPTUNA_INITIAL if initial_trials is None else initial_trials
    return OptunaSearch(study, GPSampler(seed=seed, n_startup_trials=initial))


def _distribution(axis: Axis) -> BaseDistribution:
    match axis.kind:
        case Kind.REAL:
            return FloatDistribution(axis.low, axis.high, log=axis.log)
        case Kind.WHOLE:
            return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        case Kind.PICK:
            return CategoricalDistribution(range(int(axis.high) + 1))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Optuna logs and warns of to itself: it speaks of our calls, not of the study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
