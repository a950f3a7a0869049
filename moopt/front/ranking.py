"""Which trials are best, one after the other, where several objectives count.

First come the points that no other beats, then those that only the first beat, and so on. Points of
one such layer are ordered so that the first few stand for all of it.
"""

from collections.abc import Callable, Sequence

import moocore
import numpy as np
from jaxtyping import Float, Int

from moopt.front.values import is_feasible, objective_values
from moopt.study.study import Study
from moopt.study.trials import Trial

TieBreak = Callable[[Float[np.ndarray, "n m"]], list[int]]
"""Orders points that do not dominate each other, the most wanted first."""


def layers(values: Float[np.ndarray, "n m"]) -> Int[np.ndarray, " n"]:
    """Return the layer of each point, counted from 0: larger values are better.

    Source: Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic
    algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6 (2002).
    """
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(moocore.pareto_rank(values, maximise=True), dtype=np.int64)


def epsilon_net(values: Float[np.ndarray, "n m"]) -> list[int]:
    """Order points so that each next one is farthest from those before it.

    The first is the one whose worst objective, relative to the ranges, is best.

    Source: Schmucker, Donini, Zafar, Salinas and Archambeau, "Multi-objective asynchronous
    successive halving", arXiv:2106.12639 (2021).
    """
    if len(values) == 0:
        return []
    scaled = _scaled(values)
    order = [int(scaled.min(axis=1).argmax())]
    distance = np.full(len(scaled), np.inf)
    while len(order) < len(scaled):
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        distance[order] = -1.0
        order.append(int(distance.argmax()))
    return order


def crowding(values: Float[np.ndarray, "n m"]) -> list[int]:
    """Order points by the room that their neighbours leave them in each objective.

    Source: as of `layers`.
    """
    scaled = _scaled(values)
    room = np.zeros(len(scaled))
    for column in scaled.T:
        order = column.argsort(kind="stable")
        room[order[[0, -1]]] = np.inf
        room[order[1:-1]] += column[order[2:]] - column[order[:-2]]
    return [int(each) for each in (-room).argsort(kind="stable")]


def best_first(
    study: Study, trials: Sequence[Trial], tie_break: TieBreak = epsilon_net
) -> list[list[int]]:
    """Return the positions of trials in layers, the best layer first, each in order.

    Objectives that were not measured count as worse than all others. Trials that break a limit come
    after those that do not, in layers by how far they are beyond it.
    """
    values = np.nan_to_num(objective_values(study, trials), nan=-1e300)
    feasible = np.array([is_feasible(study, trial) for trial in trials], dtype=bool)
    found: list[list[int]] = []
    kept = feasible.nonzero()[0]
    of_kept = layers(values[kept])
    for layer in np.unique(of_kept):
        rows = kept[of_kept == layer]
        found.append([int(rows[place]) for place in tie_break(values[rows])])
    rest = (~feasible).nonzero()[0].tolist()
    beyond = _violations(study, [trials[row] for row in rest])
    for amount in np.unique(beyond):
        alike = (beyond == amount).tolist()
        found.append([row for row, same in zip(rest, alike, strict=True) if same])
    return found


def _violations(study: Study, trials: Sequence[Trial]) -> Float[np.ndarray, " n"]:
    """Return how far trials are beyond all limits, each in units of the farthest one."""
    total = np.zeros(len(trials))
    for constraint in study.outcome_constraints:
        beyond = np.full(len(trials), np.inf)
        for row, trial in enumerate(trials):
            if constraint.name in trial.measurements:
                value = trial.measurements[constraint.name].mean
                high = value if constraint.at_most is None else constraint.at_most
                low = value if constraint.at_least is None else constraint.at_least
                beyond[row] = max(0.0, value - high, low - value)
        farthest = beyond[np.isfinite(beyond)].max(initial=0.0)
        total += beyond / farthest if farthest > 0 else beyond
    return total


def _scaled(values: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    low, high = values.min(axis=0), values.max(axis=0)
    return np.asarray((values - low) / np.where(high > low, high - low, 1.0))
