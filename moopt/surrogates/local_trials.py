"""The trials around one place, from which the outcomes there are learned."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData
from moopt.surrogates.outcomes import Outcomes, learn_outcomes

EVERYTHING = 300
"""Up to so many measured trials all are learned from, wherever they lie."""

NEAREST = 150
"""Of more trials, the nearest so many are learned from."""

FARTHER = 100
"""So many of all trials besides, early and late ones alike: without them a model of one place
promises wonders right beside it."""

OF_FRONT = 50
"""So many of the front are learned from besides, spread over it."""

OTHERS = 100
"""The nearest so many that are pending, and as many that failed, are heeded."""

FEWEST = 3
"""Measurements of each outcome, from farther away if need be."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Some rows of training data."""

    data: TrainingData
    """All of it, but for pending and failed trials that are far away."""

    near: Bool[Tensor, " n"] | None
    """Which trials to learn from. None: all."""

    @classmethod
    def of(cls, data: TrainingData, centre: int, front: Int[np.ndarray, " f"]) -> "Surroundings":
        """Choose the trials around one of them.

        Args:
            data: All trials.
            centre: The row around which to look.
            front: Rows of the front.
        """
        place = data.points[centre]
        data = replace(
            data, pending=_nearest(data.pending, place), crashed=_nearest(data.crashed, place)
        )
        if len(data.points) <= EVERYTHING:
            return cls(data, None)
        order = _distances(data.points, place).argsort(stable=True)
        kept = torch.zeros(len(order), dtype=torch.bool)
        kept[order[:NEAREST]] = True
        kept[_evenly(len(order), FARTHER)] = True
        kept[torch.from_numpy(front)[_evenly(len(front), OF_FRONT)]] = True
        for outcome in range(len(data.names)):
            measured = order[data.measured(outcome)[order]]
            kept[measured[:FEWEST]] = True
        return cls(data, kept)

    def part(self) -> TrainingData:
        """Return the data of what is near."""
        if self.near is None:
            return self.data
        return replace(
            self.data,
            points=self.data.points[self.near],
            outcomes=self.data.outcomes[self.near],
            standard_errors=self.data.standard_errors[self.near],
        )

    def learned(self, encoding: SpaceEncoding, kernel: str | None = None) -> Outcomes:
        """Learn every outcome from what is near.

        Args:
            encoding: Of the space.
            kernel: The kernel of all outcomes, by name. None: chosen for each, from all trials.

        Raises:
            SelectionError: The kernel does not suit the space.
            SurrogateError: An outcome was never measured, or no process fits it.
        """
        outcomes = learn_outcomes(encoding, self.data, kernel, near=self.near)
        return outcomes.restricted(replace(self.part(), limits=outcomes.data.limits))


def _evenly(count: int, most: int) -> Int[Tensor, " m"]:
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def _nearest(points: Float[Tensor, "n d"], place: Float[Tensor, " d"]) -> Float[Tensor, "m d"]:
    if len(points) <= OTHERS:
        return points
    order = _distances(points, place).argsort(stable=True)[:OTHERS]
    return points[order.sort().values]


def _distances(points: Float[Tensor, "n d"], place: Float[Tensor, " d"]) -> Float[Tensor, " n"]:
    return (points - place).square().sum(dim=1)
