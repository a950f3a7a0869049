"""How the hypervolume grew over the trials of a search, and how another search would have done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.front.growth import hypervolume_growth
from moopt.front.reference_point import infer_references, reference_point
from moopt.front.values import is_feasible, measured_trials, objective_values
from moopt.reports.points import by_end
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial

BLIND = frozenset({"random", "sobol", "centre"})
"""Samplers that learn nothing from trials."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The hypervolume after each trial that ended, in the order in which they ended."""

    trials: tuple[Trial, ...]
    """Those that have nothing to show, such as failed ones, too: they took their time."""

    seconds: Float[np.ndarray, " n"]
    """When each ended, from the start of the first. NaN: not known."""

    hypervolume: Float[np.ndarray, " n"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a search that learns nothing reaches after each trial: quartiles."""

    lower: Float[np.ndarray, " n"]
    median: Float[np.ndarray, " n"]
    upper: Float[np.ndarray, " n"]


def growth_of(study: Study, trials: Sequence[Trial]) -> Growth:
    """Return how the hypervolume of a study grew.

    Args:
        study: Where it lacks references, they are inferred from the trials.
        trials: In any state; only those that ended have a place.
    """
    resolved = study.with_references(infer_references(study, trials))
    ended = by_end([trial for trial in trials if trial.state in ENDED_STATES])
    measured = {trial.number for trial in measured_trials(study, ended)}
    counted = np.array(
        [trial.number in measured and is_feasible(study, trial) for trial in ended], dtype=bool
    )
    growth = hypervolume_growth(
        objective_values(resolved, ended), counted, reference_point(resolved)
    )
    starts = [trial.started.timestamp() for trial in trials if trial.started is not None]
    start = min(starts, default=0.0)
    seconds = [
        trial.ended.timestamp() - start if trial.ended is not None else np.nan for trial in ended
    ]
    return Growth(tuple(ended), np.array(seconds, dtype=float), growth)


def blind_growth(study: Study, trials: Sequence[Trial]) -> Growth:
    """Return how the hypervolume grew over the trials of samplers that learn nothing, alone."""
    resolved = study.with_references(infer_references(study, trials))
    return growth_of(resolved, [trial for trial in trials if trial.sampler in BLIND])
