"""Trials as tensors: what was tried, what was measured, what is running and what failed."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.front.reference_point import infer_references, reference_point
from moopt.study.objectives import Objective
from moopt.study.study import Study
from moopt.study.trials import FailureKind, Trial, TrialState

PENDING = (TrialState.PROPOSED, TrialState.RUNNING)


@dataclass(frozen=True, slots=True)
class Limit:
    """An outcome constraint below the border: `sign * outcome <= bound`."""

    outcome: int
    sign: float
    bound: float


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

    Trials at a lower fidelity are left out: they are not measurements of what is asked.
    """
    resolved = study.with_references(infer_references(study, trials))
    names = outcome_names(study)
    objectives = {each.name: each for each in study.objectives}
    measured = [
        trial
        for trial in trials
        if trial.state is TrialState.COMPLETED
        and any(name in trial.measurements for name in names)
        and (study.fidelity is None or trial.fidelity in (None, study.fidelity.high))
    ]
    outcomes = torch.full((len(measured), len(names)), torch.nan, dtype=torch.float64)
    errors = torch.full_like(outcomes, torch.nan)
    for row, trial in enumerate(measured):
        for column, name in enumerate(names):
            measurement = trial.measurements.get(name)
            if measurement is not None:
                outcomes[row, column] = _sign(objectives.get(name)) * measurement.mean
                known = measurement.sem
                if known is None and name in objectives:
                    known = objectives[name].noise
                errors[row, column] = torch.nan if known is None else known
    return TrainingData(
        points=encoding.encode_all([trial.parameters for trial in measured]),
        outcomes=outcomes,
        standard_errors=errors,
        names=names,
        reference_point=torch.from_numpy(reference_point(resolved)),
        limits=_limits(study, names),
        pending=encoding.encode_all([t.parameters for t in trials if t.state in PENDING]),
        crashed=encoding.encode_all([t.parameters for t in trials if _crashed(t)]),
    )


def outcome_names(study: Study) -> tuple[str, ...]:
    """Return the objectives, then the outcomes that are only constrained."""
    names = [each.name for each in study.objectives]
    names += [each.name for each in study.outcome_constraints if each.name not in names]
    return tuple(names)


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
