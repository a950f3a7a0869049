"""The best trial of every kind: an archive whose cells are ranges of what somebody cares about.

Features are outcomes or parameters. They cut the trials into kinds, such as models of 10 to 20 ms
with rank 8, and of each kind the archive keeps the one of the highest quality. It is made of the
trials alone.

Source: Mouret and Clune, "Illuminating search spaces by mapping elites", arXiv:1504.04909 (2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.errors import SelectionError
from moopt.front.features import Axis, Feature, axes_of
from moopt.front.named_numbers import objective_names
from moopt.front.values import is_feasible, measured_trials, objective_values
from moopt.study.study import Study
from moopt.study.trials import Trial

AUGMENTATION = 0.05
"""Weight of the sum in the augmented Chebyshev distance, as in `Front.pick`."""

Cell = tuple[int, ...]
"""Which range or choice of each feature."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The best trial of each kind that was found."""

    study: Study
    axes: tuple[Axis, ...]
    judged: tuple[str, ...]
    """The objectives that make the quality."""

    placed: tuple[tuple[Cell, Trial, float], ...]
    """Every feasible trial that has all features, with its quality: the higher, the better."""

    @property
    def elites(self) -> dict[Cell, tuple[Trial, float]]:
        """The best trial of each kind with its quality, by cell; of equals the first."""
        best: dict[Cell, tuple[Trial, float]] = {}
        for cell, trial, quality in self.placed:
            if cell not in best or quality > best[cell][1]:
                best[cell] = (trial, quality)
        return dict(sorted(best.items()))

    @property
    def kinds(self) -> int:
        """How many kinds there are, found or not."""
        return int(np.prod([axis.cells for axis in self.axes]))


def archive_of(
    study: Study,
    trials: Sequence[Trial],
    features: Sequence[Feature] = (),
    quality: str | None = None,
) -> Archive:
    """Return the best feasible trial of every kind.

    Args:
        study: Says what features there are and what is better.
        trials: In any state; only completed ones with every objective count.
        features: What makes the kinds. None of them: every objective but the first, at most two;
            with one objective the first two parameters.
        quality: The objective by which the best one is chosen. None: all objectives that are no
            feature (or all, if they are), in even parts: the smallest augmented Chebyshev distance
            to the best value of each, scaled by the range of the trials.

    Raises:
        SelectionError: A feature or the quality is not of the study, or there is no trial yet whose
            values could make ranges.
    """
    kept = [trial for trial in measured_trials(study, trials) if is_feasible(study, trial)]
    chosen = tuple(features) or default_features(study)
    axes = axes_of(study, kept, chosen)
    judged = judged_objectives(study, [each.name for each in chosen], quality)
    columns = [objective_names(study).index(name) for name in judged]
    qualities = _utility(objective_values(study, kept)[:, columns])
    cells = [[axis.cell(trial) for axis in axes] for trial in kept]
    placed = tuple(
        (tuple(place for place in cell if place is not None), trial, float(worth))
        for cell, trial, worth in zip(cells, kept, qualities, strict=True)
        if None not in cell
    )
    return Archive(study, axes, judged, placed)


def default_features(study: Study) -> tuple[Feature, ...]:
    """Return what makes the kinds of a study where nobody says it."""
    names = objective_names(study)[1:3] or [each.name for each in study.parameters[:2]]
    return tuple(Feature(name) for name in names)


def judged_objectives(
    study: Study, features: Sequence[str], quality: str | None
) -> tuple[str, ...]:
    """Return the objectives that make the quality, as in `archive_of`.

    Raises:
        SelectionError: The quality is no objective.
    """
    names = objective_names(study)
    if quality is None:
        return tuple(name for name in names if name not in features) or tuple(names)
    if quality not in names:
        raise SelectionError(f"the quality {quality!r} is no objective; choose one of {names}")
    return (quality,)


def _utility(values: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " n"]:
    """Return how good values are together, from 0, the best of each, downwards."""
    if len(values) == 0:
        return np.empty(0)
    best, worst = values.max(axis=0), values.min(axis=0)
    lost = (best - values) / np.where(best > worst, best - worst, 1.0) / values.shape[1]
    return np.asarray(-lost.max(axis=1) - AUGMENTATION * lost.sum(axis=1))
