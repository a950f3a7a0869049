"""Which trials a trust region begins at: good ones with much room around them, in its direction."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from moopt.acquisition.beliefs import within_limits
from moopt.encoding.training_data import TrainingData
from moopt.front.dominance import is_nondominated
from moopt.front.hypervolume import hypervolume_contributions

CONTRIBUTIONS = 3
"""Up to so many objectives the volume that a trial adds tells how much room is around it; above,
its distance from the next one does."""

NEIGHBOURS = 20
"""By which it is told how densely trials lie, and trials of the front around which they are."""

APART = 2.4
"""Length of a region over the mean distance of neighbours in a column: 0.8 where that is a third,
as it is of random points."""

NARROWEST, WIDEST = 0.1, 0.8
"""A region at first."""

LEAST = 1e-3
"""Of a share of a direction, so that every objective counts in each."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the completed trials compare, as they were measured."""

    values: Float[np.ndarray, "n m"]
    """Larger is better, no better than the aspiration; NaN where not measured."""

    allowed: Bool[np.ndarray, " n"]
    """Has every objective and keeps the limits that were measured."""

    front: Int[np.ndarray, " f"]
    """Rows that are on the front; where nothing is allowed, the row that breaks limits least."""

    reference_point: Float[np.ndarray, " m"]

    @classmethod
    def of(cls, data: TrainingData) -> "Standing":
        """Compare trials, of which there is at least one."""
        values = data.outcomes[:, : data.objective_count].minimum(data.aspiration_point)
        limits = tuple(each for each in data.limits if each.outcome < len(data.names))
        # What was not measured breaks no limit.
        filled = torch.where(data.outcomes.isnan(), -torch.inf, data.outcomes)
        unbroken = torch.ones(len(values), dtype=torch.bool)
        for limit in limits:
            measured = ~data.outcomes[:, limit.outcome].isnan()
            unbroken &= within_limits(filled, (limit,)) | ~measured
        complete = ~values.isnan().any(dim=1)
        allowed = (complete & unbroken).numpy()
        points = values.numpy()
        rows = np.flatnonzero(allowed)
        if len(rows):
            front = rows[is_nondominated(points[rows])]
        else:
            front = np.array([_least_bad(data, points)])
        return cls(points, allowed, front, data.reference_point.numpy())

    def centre(self, direction: Float[np.ndarray, " m"], others: Float[np.ndarray, "r m"]) -> int:
        """Return the row at which a region begins.

        Among the trials of the front that lie nearest to its direction it is the one with most room
        around it; where none does, the one that is best in that direction.

        Args:
            direction: Of the region, positive, of length one.
            others: Of the other regions.
        """
        if len(self.front) == 1:
            return int(self.front[0])
        shares = self._shares()
        length = np.linalg.norm(shares, axis=1, keepdims=True)
        angles = (shares / length) @ np.vstack([direction[None], others]).T
        mine = np.flatnonzero(angles.argmax(axis=1) == 0)
        if len(mine) == 0:
            return int(self.front[(shares / direction).min(axis=1).argmax()])
        return int(self.front[mine[self._room()[mine].argmax()]])

    def first_length(self, points: Float[Tensor, "n d"], some: Bool[np.ndarray, " n"]) -> float:
        """Return how long the sides of a region are at first: as far as neighbours lie apart.

        Where trials cover the space evenly that is most of it; where an earlier search has gathered
        them at the front it is as little as that search has changed of late.

        Args:
            points: Where the trials lie.
            some: Which of them count: those before there were regions.
        """
        rows = np.flatnonzero(some & self.allowed)
        best = rows[is_nondominated(self.values[rows])]
        best = best[np.linspace(0, len(best) - 1, min(len(best), NEIGHBOURS)).round().astype(int)]
        places = [torch.from_numpy(each) for each in (best, np.flatnonzero(some))]
        distances = torch.cdist(points[places[0]], points[places[1]], p=1.0) / points.shape[1]
        nearest = distances.sort(dim=1).values[:, 1 : NEIGHBOURS + 1]
        if nearest.numel() == 0:
            return WIDEST
        return min(max(APART * float(nearest.mean(dim=1).median()), NARROWEST), WIDEST)

    def _shares(self) -> Float[np.ndarray, "f m"]:
        """Return how far each trial of the front gets in each objective, from 0 to 1."""
        values = self.values[self.front]
        above = (values > self.reference_point).all(axis=1).any()
        worst = self.reference_point if above else values.min(axis=0)
        reach = np.maximum(values.max(axis=0) - worst, 1e-12)
        return np.asarray(np.clip((values - worst) / reach, LEAST, 1.0))

    def _room(self) -> Float[np.ndarray, " f"]:
        values = self.values[self.front]
        if values.shape[1] <= CONTRIBUTIONS and (values > self.reference_point).all(axis=1).any():
            return hypervolume_contributions(values, self.reference_point)
        shares = self._shares()
        apart = np.linalg.norm(shares[:, None] - shares, axis=2)
        np.fill_diagonal(apart, np.inf)
        return np.asarray(apart.min(axis=1))


def direction_of(number: int, objectives: int) -> Float[np.ndarray, " m"]:
    """Return the direction in objective space of a region: of length one, and spread over regions.

    The first region goes straight ahead; those after it follow a Sobol sequence.
    """
    if number == 0 or objectives == 1:
        direction = np.ones(objectives)
    else:
        engine = torch.quasirandom.SobolEngine(objectives - 1, scramble=True, seed=0)
        cuts = engine.draw(number, dtype=torch.float64)[-1].sort().values.numpy()
        # What even cuts leave between them is even over all weights that sum to one.
        direction = np.maximum(np.diff(cuts, prepend=0.0, append=1.0), LEAST)
    return np.asarray(direction / np.linalg.norm(direction))


def _least_bad(data: TrainingData, values: Float[np.ndarray, "n m"]) -> int:
    """Return the row that breaks limits least; among equals, that is best in what it measured."""
    broken = np.zeros(len(values))
    for limit in data.limits:
        if limit.outcome < len(data.names):
            outcome = data.outcomes[:, limit.outcome].numpy()
            spread = max(float(np.nanstd(outcome)), 1e-12)
            beyond = np.maximum(limit.sign * outcome - limit.bound, 0.0) / spread
            broken += np.nan_to_num(beyond, nan=0.0)
    spread = np.maximum(np.nanstd(values, axis=0), 1e-12)
    standard = np.nan_to_num((values - np.nanmean(values, axis=0)) / spread, nan=0.0)
    return int(np.lexsort((-standard.sum(axis=1), broken))[0])
