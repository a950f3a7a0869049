"""Trials as tensors: what was tried, what was measured, what is running and what failed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.front.dominance import is_nondominated
from moopt.front.reference_point import aspiration_point, infer_references, reference_point
from moopt.study.objectives import Objective
from moopt.study.study import Study
from moopt.study.trials import FailureKind, Measurement, Trial, TrialState

_NEVER = datetime.min.replace(tzinfo=UTC)
"""When a trial ended of which nobody has told it."""

PENDING = (TrialState.PROPOSED, TrialState.RUNNING)


@dataclass(frozen=True, slots=True)
class Limit:
    """An outcome constraint below the border: `sign * outcome <= bound`."""

    outcome: int
    sign: float
    bound: float
    weight: float = 1.0
    """Power of its probability in what a candidate is worth."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a surrogate learns from. Larger is better in every objective."""

    points: Float[Tensor, "n d"]
    """Completed trials with at least one measurement."""

    outcomes: Float[Tensor, "n k"]
    """Objectives first, then outcomes that are only constrained. NaN: not measured."""

    standard_errors: Float[Tensor, "n k"]
    """NaN: not known, to be learned."""

    names: tuple[str, ...]
    """Of the outcomes, for messages."""

    reference_point: Float[Tensor, " m"]
    aspiration_point: Float[Tensor, " m"]
    """Beyond it more is worth nothing. Infinite where an objective has no aspiration."""

    limits: tuple[Limit, ...]
    pending: Float[Tensor, "p d"]
    """Trials that are proposed or running."""

    crashed: Float[Tensor, "c d"]
    """Trials that failed by their own fault."""

    @property
    def objective_count(self) -> int:
        """Number of objectives, m."""
        return len(self.reference_point)

    def measured(self, outcome: int) -> Tensor:
        """Say in which rows an outcome was measured."""
        return ~self.outcomes[:, outcome].isnan()


def training_data(study: Study, encoding: SpaceEncoding, trials: Sequence[Trial]) -> TrainingData:
    """Encode the trials of a study.

    Trials at a lower fidelity are left out, unless it is unbiased: they are not measurements of
    what is asked.
    """
    resolved = study.with_references(infer_references(study, trials))
    names = outcome_names(study)
    objectives = {each.name: each for each in study.objectives}
    measured = trials_to_learn_from(study, trials)
    signs = [_sign(objectives.get(name)) for name in names]
    usual = [objectives[name].noise if name in objectives else None for name in names]
    outcomes: list[list[float]] = []
    errors: list[list[float]] = []
    for trial in measured:
        found = [trial.measurements.get(name) for name in names]
        outcomes.append(
            [
                math.nan if each is None else sign * each.mean
                for each, sign in zip(found, signs, strict=True)
            ]
        )
        errors.append(
            [_standard_error(each, noise) for each, noise in zip(found, usual, strict=True)]
        )
    shape = (len(measured), len(names))
    return TrainingData(
        points=encoding.encode_all([trial.parameters for trial in measured]),
        outcomes=torch.tensor(outcomes, dtype=torch.float64).reshape(shape),
        standard_errors=torch.tensor(errors, dtype=torch.float64).reshape(shape),
        names=names,
        reference_point=torch.from_numpy(reference_point(resolved)),
        aspiration_point=torch.from_numpy(aspiration_point(resolved)),
        limits=_limits(study, names),
        pending=encoding.encode_all([t.parameters for t in trials if t.state in PENDING]),
        crashed=encoding.encode_all([t.parameters for t in trials if _crashed(t)]),
    )


def front_points(data: TrainingData) -> Float[Tensor, "f d"]:
    """Return the points that are non-dominated among those that have every objective.

    What is beyond an aspiration is no better than the aspiration.
    """
    objectives = data.outcomes[:, : data.objective_count].minimum(data.aspiration_point)
    complete = ~objectives.isnan().any(dim=1)
    best = torch.zeros(len(objectives), dtype=torch.bool)
    best[complete] = torch.from_numpy(is_nondominated(objectives[complete].numpy()))
    return data.points[best]


def trials_to_learn_from(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that are rows of the training data, in the order in which they ended.

    So the first rows stay what they are when a trial ends that was started before others.
    """
    names = outcome_names(study)
    unbiased = study.fidelity is not None and study.fidelity.unbiased
    states = (TrialState.COMPLETED, TrialState.STOPPED) if unbiased else (TrialState.COMPLETED,)
    found = [
        trial
        for trial in trials
        if trial.state in states
        and any(name in trial.measurements for name in names)
        and (unbiased or study.fidelity is None or trial.fidelity in (None, study.fidelity.high))
    ]
    # What was taken further is measured again there, on the same examples and more.
    further = {trial.continues for trial in found}
    found = [trial for trial in found if trial.number not in further]
    return sorted(found, key=lambda trial: trial.ended or _NEVER)


def outcome_names(study: Study) -> tuple[str, ...]:
    """Return the objectives, then the outcomes that are only constrained."""
    names = [each.name for each in study.objectives]
    names += [each.name for each in study.outcome_constraints if each.name not in names]
    return tuple(names)


def _standard_error(measurement: Measurement | None, usual: float | None) -> float:
    """Return the known standard error of a measurement, NaN for one that is not known."""
    if measurement is None:
        return math.nan
    known = usual if measurement.sem is None else measurement.sem
    return math.nan if known is None else known


def _limits(study: Study, names: tuple[str, ...]) -> tuple[Limit, ...]:
    objectives = {each.name: each for each in study.objectives}
    limits = []
    for constraint in study.outcome_constraints:
        column, sign = names.index(constraint.name), _sign(objectives.get(constraint.name))
        if constraint.at_most is not None:
            limits.append(Limit(column, sign, constraint.at_most))
        if constraint.at_least is not None:
            limits.append(Limit(column, -sign, -constraint.at_least))
    return tuple(limits)


def _sign(objective: Objective | None) -> float:
    return 1.0 if objective is None else objective.direction.sign


def _crashed(trial: Trial) -> bool:
    return trial.failure is not None and trial.failure.kind is FailureKind.CANDIDATE
