"""What a Ray cluster costs: the same work for worker processes and for a cluster on this machine.

Run it with `python -m moopt.benchmarks.ray_overhead`. Evaluations compute nothing. Start-up is the
time from making an executor until every worker has measured a trial. A round trip is a trial of no
length, one after the other on one worker; trials a second are those of all workers together. Busy
is the share of their time in which workers evaluate in a search by `sobol`, with trials of the
given length.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from moopt.benchmarks.idle import EXECUTORS, idle
from moopt.benchmarks.waiting import SECONDS_VARIABLE
from moopt.protocols import Executor
from moopt.study.trials import Trial

OUT = Console(highlight=False, soft_wrap=True)
POINT = {f"x{index}": 0.5 for index in range(6)}


@dataclass(frozen=True, slots=True)
class Overhead:
    """What an executor takes for trials of no length."""

    start_up: float
    """Seconds until every worker has measured a trial."""

    round_trips: tuple[float, ...]
    """Seconds from the start of a trial to its outcome, one worker."""

    trials_per_second: float
    """Of all workers together."""


def overhead(name: str, *, workers: int, trials: int) -> Overhead:
    """Measure an executor.

    Args:
        name: A key of `EXECUTORS`.
        workers: How many there are.
        trials: How many are measured one after the other, and again together.
    """
    os.environ[SECONDS_VARIABLE] = "0"
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with closing(EXECUTORS[name](workers, Path(folder))) as executor:
            measure(executor, workers, at_once=workers)
            start_up = time.perf_counter() - began
            round_trips = [measure(executor, 1, at_once=1) for _ in range(trials)]
            together = measure(executor, trials, at_once=workers)
    return Overhead(start_up, tuple(round_trips), trials / together)


def measure(executor: Executor, trials: int, *, at_once: int) -> float:
    """Return the seconds that trials take.

    Args:
        executor: Where they run.
        trials: How many there are.
        at_once: How many run at once at most.
    """
    began = time.perf_counter()
    left, jobs = trials, list[str]()
    while left or jobs:
        while left and len(jobs) < at_once:
            left -= 1
            jobs.append(executor.start(Trial(left, POINT)))
        executor.wait(1.0)
        jobs = [job for job in jobs if executor.poll(job) is None]
    return time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure the executors in turn and print a row for each measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executors", default="local,ray", help="names, comma between")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=300, help="of no length")
    parser.add_argument("--repeats", type=int, default=3, help="the median of them is printed")
    parser.add_argument("--seconds", default="0.2,1", help="of an evaluation, comma between")
    parser.add_argument("--search", type=int, default=40, help="trials of a search")
    chosen = parser.parse_args(arguments)
    names = chosen.executors.split(",")
    runs = [
        (name, overhead(name, workers=chosen.workers, trials=chosen.trials))
        for _ in range(chosen.repeats)
        for name in names
    ]
    found = {name: [each for other, each in runs if other == name] for name in names}
    OUT.print(f"{'':<32}" + "".join(f"{name:>12}" for name in names))
    rows: dict[str, Callable[[Overhead], float]] = {
        "start-up, s": lambda each: each.start_up,
        "round trip of a trial, ms": lambda each: 1e3 * median(each.round_trips),
        "trials a second": lambda each: each.trials_per_second,
    }
    for title, value in rows.items():
        medians = [median(value(each) for each in found[name]) for name in names]
        OUT.print(f"{title:<32}" + "".join(f"{each:>12.2f}" for each in medians))
    for seconds in chosen.seconds.split(","):
        busy = [
            idle("sobol", seconds=seconds, workers=chosen.workers, trials=chosen.search, executor=n)
            for n in names
        ]
        OUT.print(
            f"{f'busy with trials of {seconds} s':<32}"
            + "".join(f"{each.busy:>12.1%}" for each in busy)
        )


if __name__ == "__main__":
    main()
