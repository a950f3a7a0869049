"""How well the surrogates of a study would have predicted each trial from all the others."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.marginal_likelihood import leave_one_out
from moopt.surrogates.study_model import StudyModel

WITHIN = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions of one outcome, each from all trials but those with the same parameters.

    The hyperparameters stay those of all trials.
    """

    name: str
    numbers: tuple[tuple[int, ...], ...]
    """Of the trials that each prediction is about: one, or several with the same parameters."""

    measured: Float[np.ndarray, " n"]
    """In the outcome's own unit; a mean where a trial was repeated. What lies absurdly far below
    the others was moved up, as the model takes it."""

    means: Float[np.ndarray, " n"]
    deviations: Float[np.ndarray, " n"]
    """Of a measurement, its noise included."""

    covered: Bool[np.ndarray, " n"]
    """Whether the measurement is within the interval that should hold 95 %."""

    @property
    def coverage(self) -> float:
        """Share of the measurements within their intervals."""
        return float(self.covered.mean())

    @property
    def rank_correlation(self) -> float:
        """Spearman's, between measured and predicted; NaN where either never changes."""
        ranks = [rankdata(self.measured), rankdata(self.means)]
        if min(np.ptp(each) for each in ranks) == 0:
            return math.nan
        return float(np.corrcoef(*ranks)[0, 1])

    @property
    def explained(self) -> float:
        """Share of the variance that the predictions explain; below 0: worse than the mean."""
        total = float(((self.measured - self.measured.mean()) ** 2).sum())
        missed = float(((self.measured - self.means) ** 2).sum())
        return 1.0 - missed / total if total > 0 else math.nan


def left_out_predictions(model: StudyModel) -> list[LeftOut]:
    """Return the predictions of every outcome that is modelled; of formulas there are none.

    Of the success of trials, measured is 1 or 0.
    """
    data = model.data
    signs = {each.name: each.direction.sign for each in model.study.objectives}
    found = []
    for column, (name, surrogate) in enumerate(
        zip(model.names, model.outcomes.surrogates, strict=True)
    ):
        if isinstance(surrogate, Formula):
            continue
        points, numbers = data.points, [trial.number for trial in model.trials]
        if column == len(data.names):
            points = torch.cat([points, data.crashed])
            numbers += [each.number for each in model.crashed]
        found.append(_left_out(name, surrogate, points, numbers, signs.get(name, 1.0)))
    return found


def _left_out(
    name: str,
    process: GaussianProcess,
    points: Float[Tensor, "n d"],
    numbers: list[int],
    sign: float,
) -> LeftOut:
    observations = process.likelihood.observations
    with torch.no_grad():
        errors, variances = leave_one_out(process.factor, observations.values - process.constant)
        means, deviations = process.moments(observations.values - errors, variances.sqrt())
        measured = process.measured(observations.values)
    by_point: dict[tuple[float, ...], list[int]] = {}
    for point, number in zip(points.tolist(), numbers, strict=True):
        by_point.setdefault(tuple(point), []).append(number)
    return LeftOut(
        name,
        tuple(tuple(by_point.get(tuple(each), ())) for each in observations.points.tolist()),
        sign * measured.numpy(),
        sign * means.numpy(),
        deviations.numpy(),
        (errors.abs() <= WITHIN * variances.sqrt()).numpy(),
    )
