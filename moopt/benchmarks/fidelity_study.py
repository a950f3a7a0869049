"""The race of `moopt.benchmarks.multi_fidelity` on a study file, with its own evaluator.

Trials are real: they run in worker processes, leave checkpoints, and are taken further from them.
Every run has a store of its own, so a race that was stopped goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from moopt.errors import SelectionError
from moopt.executors.local import LocalExecutor
from moopt.front.front import front_of
from moopt.loop import optimize
from moopt.store.store import Store
from moopt.study.costs import cost_of
from moopt.study.loading import StudyFile
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One search of a study file, in the order in which its trials ended."""

    sampler: str
    seed: int
    costs: tuple[float, ...]
    """In whole evaluations, up to and including each trial."""

    seconds: tuple[float, ...]
    """That evaluators took, likewise."""

    hypervolumes: tuple[float, ...]

    def reached(self, hypervolume: float) -> tuple[float, float] | None:
        """Return cost and seconds at which there was so much hypervolume. None: never."""
        for cost, seconds, found in zip(self.costs, self.seconds, self.hypervolumes, strict=True):
            if found >= hypervolume:
                return cost, seconds
        return None


def run_study(
    file: StudyFile, sampler: str, seed: int, *, budget: float, workers: int, directory: Path
) -> StudyRun:
    """Search a study, or go on with a search of it.

    Args:
        file: Its study has a fidelity and a reference for each objective.
        sampler: By name.
        seed: Of the search.
        budget: In whole evaluations.
        workers: Trials that run at once.
        directory: Gets a store and a folder for each search.

    Raises:
        SelectionError: The study has no fidelity or lacks a reference.
    """
    study = file.study
    if study.fidelity is None or any(each.reference is None for each in study.objectives):
        raise SelectionError(
            f"a race needs a fidelity and a reference for every objective, and study "
            f"{study.name!r} lacks one; add it to {file.path}"
        )
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / f"{sampler}-{seed}"
    executor = LocalExecutor(file.path, workers=workers, directory=place)
    with Store(str(directory / f"{sampler}-{seed}.db")) as store:
        try:
            optimize(
                study,
                file.evaluate,
                budget=budget,
                sampler=sampler,
                executor=executor,
                store=store,
                seed=seed,
            )
        finally:
            executor.close()
        return told(study, store.trials(study.name), sampler, seed)


def told(study: Study, trials: Sequence[Trial], sampler: str, seed: int) -> StudyRun:
    """Return what a search spent and found, trial by trial."""
    ended = sorted(
        (trial for trial in trials if trial.state in ENDED_STATES and trial.ended is not None),
        key=lambda trial: (trial.ended.timestamp() if trial.ended else 0.0, trial.number),
    )
    costs = [cost_of(study, trial, trials) for trial in ended]
    seconds = [0.0 if trial.usage is None else trial.usage.wall_seconds for trial in ended]
    volumes = [front_of(study, ended[: place + 1]).hypervolume() for place in range(len(ended))]
    return StudyRun(
        sampler, seed, tuple(accumulate(costs)), tuple(accumulate(seconds)), tuple(volumes)
    )
