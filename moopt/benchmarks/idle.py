"""How long a worker waits between two trials, with worker processes and a real search.

Run it with `python -m moopt.benchmarks.idle`. It is its own study file: an evaluation is over after
a fixed time in which nothing is computed. What is left is waiting: for the record, for messages and
for the next candidate. `sobol` proposes at once and shows the part that is not the search.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from rich.console import Console

from moopt.executors.local import LocalExecutor
from moopt.loop import optimize
from moopt.samplers.history import initial_trials
from moopt.store.store import Store
from moopt.study.evaluation import Context
from moopt.study.objectives import Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.study.validation import Raw

OUT = Console(highlight=False, soft_wrap=True)
SECONDS_VARIABLE = "MOOPT_BENCHMARK_SECONDS"
"""Tells worker processes how long an evaluation takes."""

study = Study(
    "idle",
    parameters=[Continuous(f"x{index}", 0.0, 1.0) for index in range(6)],
    objectives=[
        Objective("near_the_origin", Minimize, reference=6.0),
        Objective("near_the_corner", Minimize, reference=6.0),
    ],
)


def evaluate(trial: Trial, _context: Context) -> Mapping[str, Raw]:
    """Wait, and measure how far two points are."""
    time.sleep(float(os.environ[SECONDS_VARIABLE]))
    point = [float(str(value)) for value in trial.parameters.values()]
    return {
        "near_the_origin": sum(value**2 for value in point),
        "near_the_corner": sum((1.0 - value) ** 2 for value in point),
    }


@dataclass(frozen=True, slots=True)
class Idle:
    """How workers spent their time after the initial trials."""

    waits: tuple[float, ...]
    """Seconds between the end of an evaluation and the start of the next one on that worker."""

    seconds: float
    """Of an evaluation."""

    @property
    def busy(self) -> float:
        """Share of their time in which workers evaluate."""
        return self.seconds / (self.seconds + mean(self.waits))


def idle(sampler: str, *, seconds: float, workers: int, trials: int, seed: int = 0) -> Idle:
    """Run a search in worker processes and say how long they waited.

    Raises:
        SelectionError: There is no sampler of that name.
    """
    os.environ[SECONDS_VARIABLE] = str(seconds)
    with tempfile.TemporaryDirectory() as folder:
        executor = LocalExecutor(Path(__file__), workers=workers, directory=Path(folder))
        with closing(executor), Store("sqlite://") as store:
            optimize(
                study,
                evaluate,
                trials=trials,
                sampler=sampler,
                executor=executor,
                store=store,
                seed=seed,
            )
            history = store.trials(study.name)
    started = sorted(trial.started.timestamp() for trial in history if trial.started)
    # Evaluations take equally long, so they end in the order in which they began.
    waits = [
        later - earlier - seconds
        for earlier, later in zip(started, started[workers:], strict=False)
    ]
    return Idle(tuple(waits[initial_trials(study) :]), seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure and print a row for each sampler and evaluation time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samplers", default="sobol,bayesian", help="names, comma between")
    parser.add_argument("--seconds", default="0.3,1,3", help="of an evaluation, comma between")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=48)
    chosen = parser.parse_args(arguments)
    OUT.print(f"{'sampler':<12}{'trial s':>9}{'median wait s':>15}{'mean wait s':>13}{'busy':>8}")
    for seconds in map(float, chosen.seconds.split(",")):
        for sampler in chosen.samplers.split(","):
            found = idle(sampler, seconds=seconds, workers=chosen.workers, trials=chosen.trials)
            OUT.print(
                f"{sampler:<12}{seconds:>9g}{median(found.waits):>15.3f}{mean(found.waits):>13.3f}"
                f"{found.busy:>8.1%}"
            )


if __name__ == "__main__":
    main()
