"""Which trial of the front suits a reader, and what stands beside it."""

import shlex
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import numpy as np

from moopt.dashboard.live import Snapshot
from moopt.front.front import Front
from moopt.front.values import objective_values
from moopt.study.objectives import Objective
from moopt.study.trials import Trial

KNEE, PREFERENCES, TRIAL = "knee", "preferences", "trial"
NEIGHBOURS = 4
MODELS = Path("models")
"""Where models are written, in the current folder."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader wants."""

    way: str = KNEE
    """`KNEE`, `PREFERENCES` or `TRIAL`."""

    _: KW_ONLY
    weights: Mapping[str, float] = field(default_factory=dict)
    """Importance of objectives by name, at least 0; for `PREFERENCES`."""

    bounds: Mapping[str, float] = field(default_factory=dict)
    """Worst value that is good enough, by objective and in its own unit."""

    number: int | None = None
    """Of the trial; for `TRIAL`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen trial among the others of the front."""

    trial: Trial | None
    """None: there is none, and `problem` says why."""

    neighbours: tuple[Trial, ...] = ()
    """Of the front, the nearest first."""

    outside: tuple[Trial, ...] = ()
    """Trials of the front that the bounds leave out."""

    problem: str = ""


def choose(snapshot: Snapshot, wish: Wish) -> Choice:
    """Return the trial of the front that suits a wish."""
    front = snapshot.front
    if not front.trials:
        return Choice(None, problem="there is no front yet to choose from")
    within = [trial for trial in front.trials if _is_within(snapshot, wish, trial)]
    outside = tuple(trial for trial in front.trials if trial not in within)
    if wish.way == TRIAL:
        return _named(snapshot, wish.number, outside)
    if not within:
        problem = "no trial of the front is within all bounds: loosen one"
        return Choice(None, outside=outside, problem=problem)
    if wish.way == PREFERENCES and any(wish.weights.values()):
        found = Front(front.study, tuple(within)).pick(wish.weights)
    else:
        allowed = {trial.number for trial in within}
        found = front.knee(within=lambda trial: trial.number in allowed)
    return Choice(found, neighbours_of(front, found), outside)


def _named(snapshot: Snapshot, number: int | None, outside: tuple[Trial, ...]) -> Choice:
    """Return the trial that a reader named, on the front or no longer; never another instead."""
    if number is None:
        return Choice(None, outside=outside, problem="choose a trial, or press a point")
    found = snapshot.trial(number)
    names = [objective.name for objective in snapshot.study.objectives]
    if found is None or any(name not in found.measurements for name in names):
        return Choice(None, outside=outside, problem=f"trial {number} has no measurements")
    return Choice(found, neighbours_of(snapshot.front, found), outside)


def neighbours_of(front: Front, trial: Trial, count: int = NEIGHBOURS) -> tuple[Trial, ...]:
    """Return the trials of a front nearest to a trial, with objectives scaled over the front."""
    others = [each for each in front.trials if each.number != trial.number]
    values = objective_values(front.study, [trial, *others])
    on_front = objective_values(front.study, front.trials)
    spread = on_front.max(axis=0) - on_front.min(axis=0)
    scaled = values / np.where(spread > 0, spread, 1.0)
    distances = np.nan_to_num(np.linalg.norm(scaled[1:] - scaled[0], axis=1), nan=np.inf)
    return tuple(others[place] for place in np.argsort(distances, kind="stable")[:count])


def bound_words(objective: Objective) -> str:
    """Return how a bound on an objective is called."""
    return f"{objective.name} {'at least' if objective.direction.sign > 0 else 'at most'}"


def folder_for(study: str, number: int) -> Path:
    """Return where the model of a trial is written, in the current folder."""
    return MODELS / f"{study}-{number}"


def export_command(study: str, number: int, store: str) -> str:
    """Return the command that writes the model of a trial."""
    words = ["moopt", "export", study, "--trial", str(number)]
    words += ["--to", str(folder_for(study, number)), "--store", store]
    return shlex.join(words)


def _is_within(snapshot: Snapshot, wish: Wish, trial: Trial) -> bool:
    for objective in snapshot.study.objectives:
        bound = wish.bounds.get(objective.name)
        sign = objective.direction.sign
        if bound is not None and sign * trial.measurements[objective.name].mean < sign * bound:
            return False
    return True
