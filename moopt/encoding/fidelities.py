"""The fidelity as one more column: what is measured briefly tells of what is measured at length.

A study with a fidelity is shown to the surrogates as one without, whose last parameter says where
the fidelity lies on a logarithmic scale; every measurement is a trial of its own there. The lowest
fidelity does not lie at the far end of that scale: with few whole evaluations a surrogate holds
what is far apart for unrelated, and what is brief tells nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, training_data
from moopt.front.reference_point import infer_references
from moopt.study.objectives import Fidelity, Formula
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState

LOWEST = 0.6
"""Where the lowest fidelity lies between 0 and the highest, 1: results at both are alike unless
measurements say otherwise."""

LOWEST_UNBIASED = 0.999
"""Where it lies if both measure the same number: close enough to be the same point."""

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FormulaWithout:
    """A formula that is not shown the fidelity."""

    formula: Formula
    name: str

    def __call__(self, parameters: Parameters) -> float:
        """Return the value of the other parameters."""
        return self.formula({name: v for name, v in parameters.items() if name != self.name})


def with_fidelity_column(study: Study, fidelity: Fidelity) -> Study:
    """Return a study without fidelities, whose last parameter says how close to the highest."""
    column = Continuous(fidelity.name, 0.0, 1.0)
    return replace(
        study,
        parameters=(*study.parameters, column),
        objectives=[
            each
            if each.formula is None
            else replace(each, formula=FormulaWithout(each.formula, fidelity.name))
            for each in study.objectives
        ],
        fidelity=None,
        start_with=(),
    )


@dataclass(frozen=True, slots=True)
class FidelityEncoding:
    """The map between parameters at a fidelity and points with `d + 1` columns."""

    fidelity: Fidelity
    space: SpaceEncoding
    """Of the study with the fidelity as its last parameter."""

    @classmethod
    def of(cls, study: Study, fidelity: Fidelity) -> "FidelityEncoding":
        """Lay out a study's parameters and the fidelity after them."""
        return cls(fidelity, SpaceEncoding.of(with_fidelity_column(study, fidelity)))

    def at(self, points: Float[Tensor, "n d"], fidelity: float) -> Float[Tensor, "n d_and_1"]:
        """Return points of the parameters at a fidelity; differentiable."""
        column = torch.full((len(points), 1), self.column(fidelity), dtype=points.dtype)
        return torch.cat([points, column], dim=1)

    @property
    def lowest(self) -> float:
        """Where the lowest fidelity lies."""
        return LOWEST_UNBIASED if self.fidelity.unbiased else LOWEST

    def column(self, fidelity: float) -> float:
        """Return where a fidelity lies, on the way to the highest, 1."""
        low, high = self.fidelity.low, self.fidelity.high
        kept = min(max(fidelity, low), high)
        return self.lowest + (1.0 - self.lowest) * math.log(kept / low) / math.log(high / low)

    def repeats(self, points: Float[Tensor, "n d_and_1"]) -> Float[Tensor, " n"]:
        """Return how many evaluations at the lowest fidelity points at a fidelity are worth.

        The noise variance of a mean over so many repeats is so many times smaller. It is taken to
        be so of epochs, too: what models leave out of the brief ones is noise to them.
        """
        way = (points[:, -1] - self.lowest) / (1.0 - self.lowest)
        return (self.fidelity.high / self.fidelity.low) ** way

    def training_data(
        self, study: Study, trials: Sequence[Trial], measured: Sequence[Trial]
    ) -> TrainingData:
        """Encode measurements at every fidelity.

        What is pending counts as pending at the highest fidelity: there is nothing to gain next to
        a trial that may still be taken there. References are inferred from the highest fidelity
        where something was measured at it.

        Args:
            study: With its fidelity.
            trials: All of them.
            measured: What was measured, each result a trial at its fidelity.
        """
        resolved = study.with_references(infer_references(study, trials))
        shown = with_fidelity_column(resolved, self.fidelity)
        rows = [self._shown(each, each.fidelity) for each in measured]
        rows = [replace(each, state=TrialState.COMPLETED, ended=_end(each)) for each in rows]
        for trial in trials:
            if trial.state in (TrialState.PROPOSED, TrialState.RUNNING):
                rows.append(self._shown(trial, self.fidelity.high))
            elif trial.failure is not None:
                rows.append(self._shown(trial, trial.fidelity))
        return training_data(shown, self.space, rows)

    def at_high(self, data: TrainingData) -> TrainingData:
        """Return what was measured at the highest fidelity only, of which fronts are made."""
        rows = data.points[:, -1] >= 1.0
        return replace(
            data,
            points=data.points[rows],
            outcomes=data.outcomes[rows],
            standard_errors=data.standard_errors[rows],
        )

    def _shown(self, trial: Trial, fidelity: float | None) -> Trial:
        at = self.fidelity.high if fidelity is None else fidelity
        parameters = {**trial.parameters, self.fidelity.name: self.column(at)}
        # What was taken further still tells how the one follows from the other, unless both are
        # the same number: then the longer evaluation tells it all.
        continues = trial.continues if self.fidelity.unbiased else None
        return replace(trial, parameters=parameters, fidelity=None, continues=continues)


def _end(trial: Trial) -> datetime | None:
    """Return when a trial ended; for one that runs, the end of time: it has the latest results."""
    return _LAST if trial.state is TrialState.RUNNING else trial.ended
