"""A study and its trials in Optuna's terms, for what reads Optuna's storages.

Conditional parameters are absent where they do not count, as Optuna has it; a simplex is a number
for each part, `mixture.news`. Optuna knows completed trials only with every value, so one that
lacks a measurement counts as failed, with what it has among its attributes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from moopt.front.values import is_whole
from moopt.study.conditions import Choice
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurements, Trial, TrialState

METRIC_NAMES = "study:metric_names"
"""The attribute by which Optuna and its dashboard know the objectives' names."""

CONSTRAINTS = "constraints"
"""A list: what `set_constraint` of Optuna 5 writes is not seen by optuna-dashboard 0.21."""

STEPS = 1000
"""Steps of a whole evaluation whose fidelity does not count anything, such as a share of data."""

OURS = "moopt:"
"""Begins the attributes of a trial that are no measurements."""

Attribute = str | int | float | list[str]


@dataclass(frozen=True, slots=True)
class OptunaExport:
    """Turns the trials of a study into Optuna's."""

    study: Study
    distributions: Mapping[str, Mapping[str, BaseDistribution]]
    """Of each of our parameters, by Optuna's name: several for a simplex."""

    @classmethod
    def of(cls, study: Study) -> "OptunaExport":
        """Translate the search space."""
        mark = _mark(study)
        return cls(study, {each.name: _distributions(each, mark) for each in study.parameters})

    def search_space(self, *, always_asked: bool = False) -> dict[str, BaseDistribution]:
        """Return the distributions by Optuna's name.

        Args:
            always_asked: Those only that every trial has.
        """
        return {
            name: distribution
            for each in self.study.parameters
            if each.when is None or not always_asked
            for name, distribution in self.distributions[each.name].items()
        }

    def frozen_study(self, study_id: int) -> FrozenStudy:
        """Return the study, whose attributes say what Optuna has no place for."""
        study, attributes = self.study, dict[str, Attribute]()
        for each in study.objectives:
            if each.reference is not None:
                attributes[f"reference of {each.name}"] = each.reference
        if study.outcome_constraints:
            attributes["constraints"] = [limit.text for limit in _limits(study)]
        if study.fidelity is not None:
            whole = study.fidelity.is_whole
            unit = study.fidelity.name if whole else f"1/{STEPS} of {study.fidelity.name}"
            attributes["intermediate values"] = f"{study.objectives[0].name} by {unit}"
        return FrozenStudy(
            study_name=study.name,
            direction=None,
            directions=[StudyDirection[each.direction.name] for each in study.objectives],
            user_attrs=attributes,
            system_attrs={METRIC_NAMES: [each.name for each in study.objectives]},
            study_id=study_id,
        )

    def frozen_trial(self, trial: Trial, trial_id: int) -> FrozenTrial:
        """Return a trial with all that is known of it."""
        missing = _missing(self.study, trial)
        state = _state(self.study, trial, is_complete=not missing)
        values = None
        if state is OptunaState.COMPLETE:
            values = [trial.measurements[each.name].mean for each in self.study.objectives]
        params, distributions = dict[str, Choice](), dict[str, BaseDistribution]()
        for name, value in trial.parameters.items():
            distributions |= self.distributions[name]
            params |= _params(self.distributions[name], value)
        ended = (trial.ended or trial.started) if state.is_finished() else None
        excesses = _excesses(self.study, trial.measurements)
        return FrozenTrial(
            number=trial.number,
            state=state,
            value=None,
            values=values,
            datetime_start=_local(trial.started),
            datetime_complete=_local(ended),
            params=params,
            distributions=distributions,
            user_attrs=_attributes(self.study, trial, missing),
            system_attrs={CONSTRAINTS: excesses} if excesses else {},
            intermediate_values=_intermediate_values(self.study, trial),
            trial_id=trial_id,
        )


@dataclass(frozen=True, slots=True)
class _Limit:
    name: str
    sign: float
    """1: at most, -1: at least."""

    bound: float

    @property
    def text(self) -> str:
        return f"{self.name} {'<=' if self.sign > 0 else '>='} {self.bound!r}"


def _mark(study: Study) -> str:
    """Return what stands between a simplex and its part: a dot, unless two names were equal then.

    No name of a study has a slash.
    """
    names = [
        name
        for each in study.parameters
        for name in (
            [f"{each.name}.{part}" for part in each.parts]
            if isinstance(each, Simplex)
            else [each.name]
        )
    ]
    return "." if len(set(names)) == len(names) else "/"


def _distributions(parameter: Parameter, mark: str) -> dict[str, BaseDistribution]:
    name = parameter.name
    match parameter:
        case Continuous(low=low, high=high, log=log):
            return {name: FloatDistribution(low, high, log=log)}
        case Integer(low=low, high=high, log=log, step=step):
            return {name: IntDistribution(low, high, log=log, step=step)}
        case Categorical(choices=choices):
            return {name: CategoricalDistribution(choices)}
        case Simplex(parts=parts, bounds=bounds):
            return {
                f"{name}{mark}{part}": FloatDistribution(*ends)
                for part, ends in zip(parts, bounds, strict=True)
            }
        case never:
            assert_never(never)


def _params(distributions: Mapping[str, BaseDistribution], value: Value) -> dict[str, Choice]:
    if isinstance(value, Mapping):
        # Weights may pass their bounds by a rounding error, which Optuna does not forgive.
        return {
            name: min(max(weight, each.low), each.high)
            for (name, each), weight in zip(distributions.items(), value.values(), strict=True)
            if isinstance(each, FloatDistribution)
        }
    return dict.fromkeys(distributions, value)


def _missing(study: Study, trial: Trial) -> list[str]:
    """Return the objectives and constrained outcomes that a trial lacks."""
    objectives = [each.name for each in study.objectives]
    wanted = dict.fromkeys([*objectives, *(each.name for each in study.outcome_constraints)])
    return [name for name in wanted if name not in trial.measurements]


def _state(study: Study, trial: Trial, *, is_complete: bool) -> OptunaState:
    match trial.state:
        case TrialState.PROPOSED:
            return OptunaState.WAITING
        case TrialState.RUNNING:
            return OptunaState.RUNNING
        case TrialState.STOPPED:
            return OptunaState.PRUNED
        case TrialState.COMPLETED:
            if not is_whole(study, trial):
                return OptunaState.PRUNED
            return OptunaState.COMPLETE if is_complete else OptunaState.FAIL
        case TrialState.FAILED | TrialState.CANCELLED:
            return OptunaState.FAIL
        case never:
            assert_never(never)


def _limits(study: Study) -> Iterator[_Limit]:
    for each in study.outcome_constraints:
        if each.at_most is not None:
            yield _Limit(each.name, 1.0, each.at_most)
        if each.at_least is not None:
            yield _Limit(each.name, -1.0, each.at_least)


def _excesses(study: Study, measurements: Measurements) -> list[float]:
    """Return by how much each limit is exceeded; nothing where an outcome was not measured."""
    limits = list(_limits(study))
    if any(limit.name not in measurements for limit in limits):
        return []
    return [limit.sign * (measurements[limit.name].mean - limit.bound) for limit in limits]


def _attributes(study: Study, trial: Trial, missing: list[str]) -> dict[str, Attribute]:
    """Return what else is known of a trial, under names that a reader understands.

    Ours have a prefix: an outcome or a fidelity may be named in any way.
    """
    is_shown = trial.state is TrialState.COMPLETED and is_whole(study, trial) and not missing
    objectives = {each.name for each in study.objectives} if is_shown else set[str]()
    known = dict[str, Attribute]()
    if trial.failure is not None:
        known[f"{OURS}failure"] = trial.failure.message
        known[f"{OURS}failure kind"] = trial.failure.kind.value
        known[f"{OURS}failure cause"] = trial.failure.cause.value
    if trial.state is TrialState.COMPLETED and missing:
        known[f"{OURS}not measured"] = missing
    if trial.state is TrialState.CANCELLED:
        known[f"{OURS}cancelled"] = "its measurements are not asked for any more"
    if trial.fidelity is not None and study.fidelity is not None:
        known[study.fidelity.name] = trial.fidelity
    if trial.continues is not None:
        known[f"{OURS}continues trial"] = trial.continues
    besides = {name: each for name, each in trial.measurements.items() if name not in objectives}
    known |= _means(besides) | _standard_errors(trial.measurements)
    known |= _means(trial.held_out, ", held-out") | _standard_errors(trial.held_out, ", held-out")
    return known | {f"{OURS}sampler": trial.sampler, f"{OURS}key": trial.key}


def _means(measurements: Measurements, split: str = "") -> dict[str, Attribute]:
    return {f"{name}{split}": each.mean for name, each in measurements.items()}


def _standard_errors(measurements: Measurements, split: str = "") -> dict[str, Attribute]:
    return {
        f"{name}{split}, standard error": each.sem
        for name, each in measurements.items()
        if each.sem is not None
    }


def _intermediate_values(study: Study, trial: Trial) -> dict[int, float]:
    """Return what was measured of the first objective on the way, by step."""
    if study.fidelity is None:
        return {}
    name, reported = study.objectives[0].name, dict(trial.partial)
    if trial.fidelity is not None and trial.measurements:
        reported[trial.fidelity] = trial.measurements
    scale = 1.0 if study.fidelity.is_whole else STEPS / study.fidelity.high
    return {
        round(scale * fidelity): measurements[name].mean
        for fidelity, measurements in sorted(reported.items())
        if name in measurements
    }


def _local(moment: datetime | None) -> datetime | None:
    """Return a moment as Optuna has it: local time, without a zone."""
    return None if moment is None else moment.astimezone().replace(tzinfo=None)
