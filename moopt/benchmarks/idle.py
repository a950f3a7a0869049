"""How busy workers are: worker processes, a real search, and evaluations that only wait.

Run it with `python -m moopt.benchmarks.idle`. The time in which a worker does not evaluate is split
in two: waiting for its next trial, which is the search and what the driver does on the way; and
from the driver's start of a trial to its record, less the evaluation itself, which is messages.
`sobol` proposes at once and shows the part that is not the search.
"""

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from moopt.benchmarks import waiting
from moopt.benchmarks.waiting import SECONDS_VARIABLE, evaluate, evaluation_seconds, study
from moopt.executors.local import LocalExecutor
from moopt.executors.optional import ray_executor
from moopt.loop import Ended, optimize
from moopt.protocols import Executor
from moopt.store.store import Store
from moopt.study.trials import Trial

OUT = Console(highlight=False, soft_wrap=True)
STUDY_FILE = Path(waiting.__file__)


def local_workers(workers: int, directory: Path) -> Executor:
    """Return worker processes of this machine."""
    return LocalExecutor(STUDY_FILE, workers=workers, directory=directory)


def ray_workers(workers: int, directory: Path) -> Executor:
    """Return workers of a Ray cluster that is started on this machine."""
    return ray_executor(
        STUDY_FILE,
        directory=directory,
        workers=workers,
        gpus_per_trial=0,
        timeout=None,
        address="local",
        patience=None,
    )


EXECUTORS: dict[str, Callable[[int, Path], Executor]] = {
    "local": local_workers,
    "ray": ray_workers,
}
"""Makes an executor of so many workers that load `STUDY_FILE`, by its name."""


@dataclass(frozen=True, slots=True)
class Job:
    """One trial on the clock of the store, in seconds."""

    started: float
    recorded: float
    evaluation: float
    """Seconds of the evaluation itself."""


@dataclass(frozen=True, slots=True)
class Idle:
    """How workers spent their time."""

    jobs: tuple[Job, ...]
    workers: int
    start_up: float
    """Seconds until every worker had loaded the study file and could evaluate."""

    cpu_seconds: float
    """Of the driver, all threads together."""

    @property
    def seconds(self) -> float:
        """From the first start to the last record."""
        return max(job.recorded for job in self.jobs) - min(job.started for job in self.jobs)

    @property
    def ideal_seconds(self) -> float:
        """What that would be if all workers evaluated all the time."""
        return sum(job.evaluation for job in self.jobs) / self.workers

    @property
    def busy(self) -> float:
        """Share of the workers' time that they evaluate while there is work to hand out.

        That is from the first start to the last one: afterwards some have nothing left to do.
        """
        return self._share([(job.started, job.started + job.evaluation) for job in self.jobs])

    @property
    def messages(self) -> float:
        """Share of that time that goes from a start to its record, the evaluation apart."""
        return self._share([(job.started + job.evaluation, job.recorded) for job in self.jobs])

    @property
    def waiting(self) -> float:
        """Share of that time in which a worker has no trial."""
        return 1.0 - self.busy - self.messages

    @property
    def busy_to_the_end(self) -> float:
        """Share of the workers' time that they evaluate until the last record."""
        return self.ideal_seconds / self.seconds

    def _share(self, spans: Sequence[tuple[float, float]]) -> float:
        """Return the share of the workers' time, up to the last start, that spans take."""
        first, last = (end(job.started for job in self.jobs) for end in (min, max))
        inside = sum(max(0.0, min(end, last) - begin) for begin, end in spans)
        return inside / (self.workers * (last - first))


def idle(
    sampler: str,
    *,
    seconds: str,
    workers: int,
    trials: int,
    executor: str = "local",
    seed: int = 0,
) -> Idle:
    """Run a search and say how busy the workers were, once all have loaded the study file.

    Args:
        sampler: A name of the registry.
        seconds: The shortest and the longest evaluation, as in `1-5`, or one number.
        workers: How many there are.
        trials: Of the whole run, its initial trials among them.
        executor: A key of `EXECUTORS`.
        seed: Of the proposals and of the evaluations' lengths.

    Raises:
        SelectionError: There is no sampler of that name.
        KeyboardInterrupt: The run was stopped, so there is nothing to tell.
    """
    # Workers take the environment over when they start.
    os.environ[SECONDS_VARIABLE] = seconds
    with tempfile.TemporaryDirectory() as folder:
        created = time.monotonic()
        made = EXECUTORS[executor](workers, Path(folder))
        with closing(made) as place, Store(f"{folder}/moopt.db") as store:
            start_up = time.monotonic() - created + _warm_up(place, seconds)
            began = time.process_time()
            run = optimize(
                study,
                evaluate,
                trials=trials,
                sampler=sampler,
                executor=place,
                store=store,
                seed=seed,
            )
            if run.ended is not Ended.DONE:
                raise KeyboardInterrupt
            cpu_seconds = time.process_time() - began
            history = store.trials(study.name)
    jobs = tuple(_job(trial, seconds) for trial in history)
    return Idle(jobs, workers, start_up, cpu_seconds)


def _warm_up(executor: Executor, seconds: str) -> float:
    """Let every worker do a trial, and return how much longer that took than the trials."""
    began = time.monotonic()
    trials = [
        Trial(-1 - index, {each.name: 0.5 for each in study.parameters}, key=f"warm-up {index}")
        for index in range(executor.capacity)
    ]
    jobs = [executor.start(trial) for trial in trials]
    while jobs:
        executor.wait(1.0)
        jobs = [job for job in jobs if executor.poll(job) is None]
    return time.monotonic() - began - max(evaluation_seconds(each, seconds) for each in trials)


def _job(trial: Trial, seconds: str) -> Job:
    started, recorded = (
        math.nan if moment is None else moment.timestamp()
        for moment in (trial.started, trial.ended)
    )
    return Job(started, recorded, evaluation_seconds(trial, seconds))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure and print a row for each executor and sampler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", default="sobol,bayesian", help="names, comma between")
    parser.add_argument("--executors", default="local", help=f"comma between: {list(EXECUTORS)}")
    parser.add_argument("--seconds", default="1-5", help="of an evaluation: shortest-longest")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1, help="runs of each, interleaved")
    chosen = parser.parse_args(arguments)
    OUT.print(
        f"{chosen.trials} trials of {chosen.seconds} s, {chosen.workers} workers. busy, messages "
        "and waiting: shares of the workers' time while there is work to hand out"
    )
    OUT.print(
        f"{'executor':<10}{'sampler':<12}{'seed':>5}{'busy':>8}{'messages':>10}{'waiting':>9}"
        f"{'to the end':>12}{'seconds':>9}{'ideal':>8}{'start-up':>10}{'cpu s/trial':>13}"
    )
    for seed in range(chosen.seeds):
        for executor in chosen.executors.split(","):
            for sampler in chosen.samplers.split(","):
                found = idle(
                    sampler,
                    seconds=chosen.seconds,
                    workers=chosen.workers,
                    trials=chosen.trials,
                    executor=executor,
                    seed=seed,
                )
                OUT.print(
                    f"{executor:<10}{sampler:<12}{seed:>5}{found.busy:>8.1%}"
                    f"{found.messages:>10.1%}{found.waiting:>9.1%}{found.busy_to_the_end:>12.1%}"
                    f"{found.seconds:>9.1f}{found.ideal_seconds:>8.1f}{found.start_up:>10.1f}"
                    f"{found.cpu_seconds / chosen.trials:>13.3f}"
                )


if __name__ == "__main__":
    main()
