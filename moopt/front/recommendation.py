"""The front that a model recommends where measurements are noisy, as plain values.

Who makes one needs torch, who shows one does not: so it is defined apart from the surrogates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import reference_point
from moopt.study.study import Study
from moopt.study.trials import Trial


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model believes of an objective of one trial, in the objective's own unit."""

    mean: float
    deviation: float
    """Standard deviation of the true value, not of one more measurement. 0: known exactly."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a model believes of the trials of a study, and the front of these beliefs."""

    study: Study
    """With a reference for each objective, inferred where the user gave none."""

    trials: tuple[Trial, ...]
    """Completed ones of which something was measured."""

    predicted: Mapping[int, Mapping[str, Prediction]]
    """By number of the trial and name of the objective."""

    chance: Mapping[int, float]
    """By number of the trial: the probability that it is on the true front of these trials."""

    front: tuple[Trial, ...]
    """Those that no other trial beats by predicted means, of those that are likely feasible."""

    def hypervolume(self) -> float:
        """Return the volume that the predicted means of the front dominate."""
        signs = {each.name: each.direction.sign for each in self.study.objectives}
        means = [
            [sign * self.predicted[trial.number][name].mean for name, sign in signs.items()]
            for trial in self.front
        ]
        values = np.array(means).reshape(len(self.front), len(signs))
        return hypervolume(values, reference_point(self.study)) if means else 0.0
