"""What the surrogates make of a study as a whole, for whoever wants to look at it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, training_data, trials_to_learn_from
from moopt.errors import SurrogateError
from moopt.front.front import front_of
from moopt.front.reference_point import infer_references
from moopt.study.study import Study
from moopt.study.trials import FailureKind, Trial
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from moopt.surrogates.reproducible import reproducible

SEED = 0
"""One for all: equal trials give an equal model."""

FEWEST = 3
"""Trials in which an outcome was measured before there is anything to learn."""

MOST = 300
"""A model to be looked at learns from at most so many trials: the front, and others evenly."""

SUCCESS = "success of a trial"
"""Name of the outcome that is 1 where a trial was measured, and 0 where it failed."""

CHUNK = 1024
"""Points that are predicted at once."""


@dataclass(frozen=True, slots=True)
class StudyModel:
    """The surrogates of all outcomes of a study."""

    study: Study
    """With a reference for each objective, inferred where the user gave none."""

    encoding: SpaceEncoding
    outcomes: Outcomes
    trials: tuple[Trial, ...]
    """What was learned from, in the order of the rows of the data."""

    crashed: tuple[Trial, ...]
    """What failed by its own fault, in the order of the rows of the data."""

    left_out: int
    """How many trials there are beyond those."""

    @property
    def data(self) -> TrainingData:
        """What was learned from."""
        return self.outcomes.data

    @property
    def has_failures(self) -> bool:
        """Whether the last surrogate is the one of success."""
        return len(self.data.crashed) > 0

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is modelled: the outcomes, and `SUCCESS` where trials have failed."""
        return (*self.data.names, *([SUCCESS] if self.has_failures else []))

    def typical(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Return the posterior median of every outcome at points, at the least cost."""
        columns = [
            surrogate.compute(points)[:, 0]
            if isinstance(surrogate, Formula)
            else surrogate.measured(torch.cat([surrogate.means(x) for x in points.split(CHUNK)]))
            for surrogate in self.outcomes.surrogates
        ]
        return torch.stack(columns, dim=1)

    def marginals(
        self, points: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        """Return posterior mean and standard deviation of every outcome at points.

        They are in the measured unit, and larger is better in every objective. What is computed by
        a formula has no deviation. The success of a trial is the last column where there is one.
        """
        means, deviations = [], []
        for surrogate in self.outcomes.surrogates:
            if isinstance(surrogate, Formula):
                values = surrogate.compute(points)[:, 0]
                means.append(values)
                deviations.append(torch.zeros_like(values))
                continue
            parts = [surrogate.moments(*surrogate.marginals(each)) for each in points.split(CHUNK)]
            mean, deviation = (torch.cat(each) for each in zip(*parts, strict=True))
            means.append(mean)
            deviations.append(deviation)
        return torch.stack(means, dim=1), torch.stack(deviations, dim=1)

    def chance(
        self, means: Float[Tensor, "n k"], deviations: Float[Tensor, "n k"]
    ) -> Float[Tensor, " n"]:
        """Return how likely each point succeeds and meets every outcome constraint.

        Args:
            means: As `marginals` returns them.
            deviations: Likewise.
        """
        chance = torch.ones(len(means), dtype=means.dtype)
        names = len(self.data.names)
        for limit in self.data.limits:
            if limit.outcome >= names:
                chance = chance * means[:, limit.outcome].clamp(0.0, 1.0)
                continue
            room = limit.bound - limit.sign * means[:, limit.outcome]
            deviation = deviations[:, limit.outcome].clamp_min(1e-12)
            chance = chance * torch.special.ndtr(room / deviation)
        return chance


def learn_study(
    study: Study, trials: Sequence[Trial], *, surrogate: str | None = None, most: int = MOST
) -> StudyModel:
    """Learn every outcome of a study.

    Args:
        study: Where it lacks references, they are inferred from all trials.
        trials: In any state.
        surrogate: Name of the kernel of every outcome. None: chosen for each.
        most: Learn from at most so many that were measured, and so many that failed.

    Raises:
        SurrogateError: An outcome was measured in fewer than three trials, or no process fits it.
    """
    resolved = study.with_references(infer_references(study, trials))
    known = trials_to_learn_from(resolved, trials)
    kept = _spread(resolved, known, most)
    crashed = [each for each in trials if _is_crash(each)]
    shown = [crashed[index] for index in _evenly(len(crashed), most)]
    encoding = SpaceEncoding.of(resolved)
    data = training_data(resolved, encoding, [*kept, *shown])
    for column, name in enumerate(data.names):
        count = int(data.measured(column).sum())
        if count < FEWEST:
            raise SurrogateError(
                f"a model needs {FEWEST} completed trials with {name!r} measured, study "
                f"{study.name!r} has {count}"
            )
    with reproducible(SEED), torch.no_grad():
        outcomes = learn_outcomes(encoding, data, surrogate)
    left_out = len(known) - len(kept) + len(crashed) - len(shown)
    return StudyModel(resolved, encoding, outcomes, tuple(kept), tuple(shown), left_out)


def _spread(study: Study, known: Sequence[Trial], most: int) -> list[Trial]:
    """Return at most so many trials: those on the front first, then early and late ones alike."""
    if len(known) <= most:
        return list(known)
    on_front = {trial.number for trial in front_of(study, known).trials}
    kept: Bool[np.ndarray, " n"] = np.array([trial.number in on_front for trial in known])
    if kept.sum() > most:
        front = np.flatnonzero(kept)
        kept[:] = False
        kept[front[_evenly(len(front), most)]] = True
    others = np.flatnonzero(~kept)
    kept[others[_evenly(len(others), most - int(kept.sum()))]] = True
    return [trial for trial, is_kept in zip(known, kept, strict=True) if is_kept]


def _evenly(count: int, most: int) -> list[int]:
    if count <= most:
        return list(range(count))
    return np.linspace(0, count - 1, most).round().astype(int).tolist() if most else []


def _is_crash(trial: Trial) -> bool:
    return trial.failure is not None and trial.failure.kind is FailureKind.CANDIDATE
