"""Where better trials than any so far are believed to be: the front of the posterior means.

The best of many predictions flatters itself: what the model knows least about stands out most often
by mistake. So every prediction comes with its standard deviation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from moopt.acquisition.starting_rows import rows_around
from moopt.encoding.search_box import SearchBox
from moopt.front.dominance import is_nondominated
from moopt.front.growth import affordable_hypervolume
from moopt.front.recommendation import Prediction
from moopt.front.reference_point import reference_point
from moopt.study.parameters import Parameters
from moopt.surrogates.reproducible import reproducible
from moopt.surrogates.study_model import SEED, StudyModel

COVER = 1024
"""Points that cover the space, to begin with."""

ROUNDS, AROUND = 8, 256
"""How often the surroundings of the front so far are searched, and with how many points."""

LIKELY = 0.5
"""Points are left out that succeed and meet every outcome constraint with a smaller chance."""

MOST_SHOWN = 30
MOST_PARENTS = 64
COARSE_DIRECTIONS = 2**12
"""Of an estimated hypervolume: it only ranks points."""


@dataclass(frozen=True, slots=True)
class PredictedPoint:
    """What a model believes of parameters, tried or not."""

    parameters: Parameters
    predicted: Mapping[str, Prediction]
    """By name of the objective."""

    chance: float
    """That a trial of them succeeds and meets every outcome constraint."""

    number: int | None
    """Of the trial that tried them. None: nobody has."""

    gain: float
    """Hypervolume that they would add to what the trials are believed to have."""


@dataclass(frozen=True, slots=True)
class PredictedFront:
    """The front of posterior means."""

    trials: tuple[PredictedPoint, ...]
    """All trials that the model has learned from."""

    best: tuple[PredictedPoint, ...]
    """Those of the trials that no other trial beats by posterior means."""

    front: tuple[PredictedPoint, ...]
    """Points, tried or not, that no other beats by posterior means: spread out, and in the order of
    the first objective."""

    @property
    def untried(self) -> list[PredictedPoint]:
        """Those of the front that nobody has tried, the largest gain first."""
        points = [each for each in self.front if each.number is None]
        return sorted(points, key=lambda each: -each.gain)


@dataclass(frozen=True, slots=True)
class _Cloud:
    points: Float[Tensor, "n d"]
    means: Float[Tensor, "n k"]
    deviations: Float[Tensor, "n k"]
    chances: Float[Tensor, " n"]

    @classmethod
    def of(cls, model: StudyModel, points: Float[Tensor, "n d"]) -> "_Cloud":
        means, deviations = model.marginals(points)
        return cls(points, means, deviations, model.chance(means, deviations))

    def and_then(self, other: "_Cloud") -> "_Cloud":
        return _Cloud(
            torch.cat([self.points, other.points]),
            torch.cat([self.means, other.means]),
            torch.cat([self.deviations, other.deviations]),
            torch.cat([self.chances, other.chances]),
        )

    def some(self, rows: Int[np.ndarray, " q"]) -> "_Cloud":
        index = torch.from_numpy(rows)
        return _Cloud(
            self.points[index], self.means[index], self.deviations[index], self.chances[index]
        )


@dataclass(frozen=True, slots=True)
class _Gains:
    """Hypervolume that a point would add to what the trials are believed to have."""

    believed: Float[np.ndarray, "f m"]
    reference: Float[np.ndarray, " m"]

    def of(self, means: Float[np.ndarray, " m"]) -> float:
        before, after = (
            affordable_hypervolume(points, self.reference, directions=COARSE_DIRECTIONS)
            for points in (self.believed, np.vstack([self.believed, means]))
        )
        return max(after - before, 0.0)


def predict_front(model: StudyModel, *, most: int = MOST_SHOWN) -> PredictedFront:
    """Return what a model believes of the trials, and the front that it believes in.

    Args:
        model: Of the study.
        most: Points of the front to return.
    """
    objectives = model.data.objective_count
    with reproducible(SEED), torch.no_grad():
        tried = _Cloud.of(model, model.data.points)
        found = _search(model, tried)
    likely = (tried.chances >= LIKELY).numpy()
    believed = tried.means[:, :objectives].numpy()
    likely[likely] = is_nondominated(believed[likely])
    believed = believed[likely]
    gains = _Gains(believed, reference_point(model.study))
    numbers = {
        _key(point): trial.number
        for point, trial in zip(model.data.points, model.trials, strict=True)
    }
    shown = found.some(_spread(found.means[:, :objectives].numpy(), most))
    tries = [numbers.get(_key(point)) for point in shown.points]
    front = [_point(model, shown, row, number, gains) for row, number in enumerate(tries)]
    known = [_point(model, tried, row, each.number, gains) for row, each in enumerate(model.trials)]
    first = model.study.objectives[0]
    front.sort(key=lambda each: -first.direction.sign * each.predicted[first.name].mean)
    best_trials = [each for each, is_best in zip(known, likely.tolist(), strict=True) if is_best]
    return PredictedFront(tuple(known), tuple(best_trials), tuple(front))


def _search(model: StudyModel, tried: _Cloud) -> _Cloud:
    """Return the points that no other beats, of many and of many around the best of those."""
    box, objectives = SearchBox(model.encoding), model.data.objective_count
    rows = box.within(box.sobol(COVER, seed=SEED))
    best = _best(tried.and_then(_Cloud.of(model, box.to_points(rows))), objectives)
    for attempt in range(ROUNDS):
        parents = best.some(_spread(best.means[:, :objectives].numpy(), MOST_PARENTS))
        if len(parents.points) == 0:
            break
        around = box.within(rows_around(box, parents.points, AROUND, seed=SEED + attempt))
        best = _best(best.and_then(_Cloud.of(model, box.to_points(around))), objectives)
    return best


def _best(cloud: _Cloud, objectives: int) -> _Cloud:
    likely = np.flatnonzero((cloud.chances >= LIKELY).numpy())
    _, first = np.unique(cloud.points[likely].numpy().round(9), axis=0, return_index=True)
    likely = likely[np.sort(first)]
    return cloud.some(likely[is_nondominated(cloud.means[likely, :objectives].numpy())])


def _spread(values: Float[np.ndarray, "n m"], most: int) -> Int[np.ndarray, " q"]:
    """Return rows that are far apart, the best of each objective among them."""
    if len(values) <= most:
        return np.arange(len(values))
    span = np.ptp(values, axis=0)
    scaled = values / np.where(span > 0, span, 1.0)
    kept = list(dict.fromkeys(scaled.argmax(axis=0).tolist()))[:most]
    distance = np.min([np.linalg.norm(scaled - scaled[row], axis=1) for row in kept], axis=0)
    while len(kept) < most:
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[kept[-1]], axis=1))
    return np.array(kept)


def _point(
    model: StudyModel,
    cloud: _Cloud,
    row: int,
    number: int | None,
    gains: _Gains,
) -> PredictedPoint:
    objectives = model.study.objectives
    means = cloud.means[row, : len(objectives)]
    gain = gains.of(means.numpy()) if number is None else 0.0
    return PredictedPoint(
        model.encoding.decode(cloud.points[row]),
        {
            each.name: Prediction(each.direction.sign * float(mean), float(deviation))
            for each, mean, deviation in zip(objectives, means, cloud.deviations[row], strict=False)
        },
        float(cloud.chances[row]),
        number,
        gain,
    )


def _key(point: Float[Tensor, " d"]) -> tuple[float, ...]:
    return tuple(round(value, 9) for value in point.tolist())
