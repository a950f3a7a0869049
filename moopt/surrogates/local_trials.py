"""The trials around one place, from which the outcomes there are learned."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.encoding.training_data import TrainingData

EVERYTHING = 300
"""Up to so many measured trials all are learned from, wherever they lie."""

NEAREST = 200
"""Of more trials, the nearest so many are learned from."""

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
    rows: Int[np.ndarray, " r"]
    """Of the data that they were taken from."""

    is_everything: bool

    @classmethod
    def of(cls, data: TrainingData, centre: int, front: Int[np.ndarray, " f"]) -> "Surroundings":
        """Return the trials around one of them, in the order of the data.

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
            return cls(data, np.arange(len(data.points)), is_everything=True)
        order = _distances(data.points, place).argsort(stable=True)
        kept = torch.zeros(len(order), dtype=torch.bool)
        kept[order[:NEAREST]] = True
        spread = np.linspace(0, len(front) - 1, min(len(front), OF_FRONT)).round().astype(int)
        kept[torch.from_numpy(front[spread])] = True
        for outcome in range(len(data.names)):
            measured = order[data.measured(outcome)[order]]
            kept[measured[:FEWEST]] = True
        rows = kept.nonzero()[:, 0]
        some = replace(
            data,
            points=data.points[rows],
            outcomes=data.outcomes[rows],
            standard_errors=data.standard_errors[rows],
        )
        return cls(some, rows.numpy(), is_everything=False)


def _nearest(points: Float[Tensor, "n d"], place: Float[Tensor, " d"]) -> Float[Tensor, "m d"]:
    if len(points) <= OTHERS:
        return points
    order = _distances(points, place).argsort(stable=True)[:OTHERS]
    return points[order.sort().values]


def _distances(points: Float[Tensor, "n d"], place: Float[Tensor, " d"]) -> Float[Tensor, " n"]:
    return (points - place).square().sum(dim=1)
