"""The trials of an Optuna study as a study and trials of ours."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from moopt.errors import StudyError
from moopt.front.reference_point import ENOUGH_TO_INFER, infer_references
from moopt.front.values import is_feasible
from moopt.integrations.optuna_space import OptunaSpace
from moopt.study.objectives import Maximize, Minimize, Objective, OutcomeConstraint
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState

PROPOSED = "moopt:proposed:"
"""Attribute of a trial that holds what was proposed for it, before the program asks for it."""

LONGEST = 2000
"""Characters of an attribute: databases limit them."""

_CONSTRAINTS = "constraints"


@dataclass(frozen=True, slots=True)
class OptunaHistory:
    """What our samplers are to know of an Optuna study."""

    directions: Sequence[StudyDirection]
    trials: Sequence[FrozenTrial]
    """All but the one that is asked for."""

    reference_point: Sequence[float] | None
    """In the objectives' own units. None: inferred."""

    failures_teach: bool
    """Whether failed trials were the fault of their parameters."""

    def study(self, space: OptunaSpace) -> Study:
        """Return the study, with references as `Optimizer` would have settled them.

        Raises:
            StudyError: There are not as many references as objectives.
        """
        references = self.reference_point
        if references is not None and len(references) != len(self.directions):
            raise StudyError(
                f"MooptSampler was given the reference point {list(references)}, the study has "
                f"{len(self.directions)} objectives; give a number for each, in their order"
            )
        objectives = [
            Objective(
                f"objective_{position}",
                Maximize if direction is StudyDirection.MAXIMIZE else Minimize,
                reference=None if references is None else references[position],
            )
            for position, direction in enumerate(self.directions)
        ]
        study = Study(
            "optuna",
            parameters=list(space.parameters.values()),
            objectives=objectives,
            outcome_constraints=[OutcomeConstraint(name, at_most=0.0) for name in self._limits()],
        )
        if references is not None:
            return study
        measured = [each for each in map(self._measured, self.trials) if each is not None]
        measured.sort(key=lambda trial: trial.ended.timestamp() if trial.ended else 0.0)
        feasible = (place for place, each in enumerate(measured) if is_feasible(study, each))
        settled = max(ENOUGH_TO_INFER, next(feasible, len(measured)) + 1)
        if settled > len(measured):
            return study
        return study.with_references(infer_references(study, measured[:settled]))

    def ours(self, space: OptunaSpace) -> list[Trial]:
        """Return the trials whose parameters are known and in the space."""
        return list(self._ours(space))

    def unknown_before(self, number: int, space: OptunaSpace) -> int:
        """Return for how many earlier trials somebody else is choosing parameters just now."""
        return sum(
            trial.state is OptunaState.RUNNING
            and trial.number < number
            and not known_params(trial, space.distributions)
            for trial in self.trials
        )

    def _ours(self, space: OptunaSpace) -> Iterator[Trial]:
        for number, trial in enumerate(self.trials):
            parameters = space.encode(known_params(trial, space.distributions))
            if parameters is None:
                continue
            failure, measurements, state = None, {}, _STATES[trial.state]
            match trial.state:
                case OptunaState.COMPLETE if (measured := self._measured(trial)) is not None:
                    measurements = dict(measured.measurements)
                case OptunaState.COMPLETE | OptunaState.FAIL if self.failures_teach:
                    state = TrialState.FAILED
                    failure = Failure(FailureKind.CANDIDATE, "it failed, or a value is infinite")
                case OptunaState.COMPLETE:
                    state = TrialState.CANCELLED
            yield Trial(
                number,
                parameters,
                state=state,
                measurements=measurements,
                failure=failure,
                started=_with_zone(trial.datetime_start),
                ended=_with_zone(trial.datetime_complete),
            )

    def _measured(self, trial: FrozenTrial) -> Trial | None:
        """Return a trial with its measurements only; None where there are none that count."""
        values = trial.values if trial.state is OptunaState.COMPLETE else None
        if values is None or not all(map(math.isfinite, values)):
            return None
        measurements = {f"objective_{index}": Measurement(v) for index, v in enumerate(values)}
        measurements |= {
            name: Measurement(float(value))
            for name, value in _excesses(trial).items()
            if math.isfinite(value)
        }
        return Trial(
            trial.number,
            {},
            state=TrialState.COMPLETED,
            measurements=measurements,
            ended=_with_zone(trial.datetime_complete),
        )

    def _limits(self) -> list[str]:
        """Return a name for each constraint that a completed trial has."""
        names: dict[str, None] = {}
        for trial in self.trials:
            if trial.state is OptunaState.COMPLETE:
                names |= dict.fromkeys(_excesses(trial))
        return sorted(names)


_STATES = {
    OptunaState.WAITING: TrialState.PROPOSED,
    OptunaState.RUNNING: TrialState.RUNNING,
    OptunaState.COMPLETE: TrialState.COMPLETED,
    OptunaState.PRUNED: TrialState.STOPPED,
    OptunaState.FAIL: TrialState.CANCELLED,
}


def proposal_attributes(
    params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> dict[str, str]:
    """Return attributes of a trial by which other processes know what was proposed for it.

    The first part is the last one to be written: with it everything is there.
    """
    internal = {name: distributions[name].to_internal_repr(each) for name, each in params.items()}
    text = json.dumps(internal)
    parts = range(0, len(text), LONGEST)
    places = reversed(list(enumerate(parts)))
    return {f"{PROPOSED}{place}": text[at : at + LONGEST] for place, at in places}


def known_params(
    trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Return what a trial has for parameters, or will have once its program asks for them."""
    if trial.state.is_finished():
        return trial.params
    attributes = trial.system_attrs
    parts: list[str] = []
    while (name := f"{PROPOSED}{len(parts)}") in attributes:
        parts.append(attributes[name])
    proposed = json.loads("".join(parts) or "{}")
    known = {
        name: distributions[name].to_external_repr(each)
        for name, each in proposed.items()
        if name in distributions
    }
    return {**known, **attributes.get("fixed_params", {}), **trial.params}


def _excesses(trial: FrozenTrial) -> dict[str, float]:
    """Return by how much each limit is exceeded, as Optuna 4 writes it down or as Optuna 5 does."""
    attributes = trial.system_attrs
    found = {
        f"constraint_{index}": each for index, each in enumerate(attributes.get(_CONSTRAINTS) or ())
    }
    keys = sorted(name for name in attributes if name.startswith(f"{_CONSTRAINTS}:"))
    return found | {_named(key): attributes[key] for key in keys}


def _named(key: str) -> str:
    """Return a name for a constraint that Optuna knows by any text."""
    return f"constraint_{key.encode().hex()}"


def _with_zone(moment: datetime | None) -> datetime | None:
    """Return a moment of Optuna's, which is local time, as ours are."""
    return None if moment is None else moment.astimezone(UTC)
