"""What the record costs: adding, recording and reading trials.

Run it with `python -m moopt.benchmarks.store_times`; `--store URL` takes another database than a
SQLite file in a temporary folder.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from moopt.benchmarks.waiting import study
from moopt.store.store import Store
from moopt.study.trials import Candidate, Measurement
from moopt.study.usage import Usage

OUT = Console(highlight=False, soft_wrap=True)
MEASURED = {name: Measurement(0.1234567890123456, 0.01) for name in study.outcomes}
USAGE = Usage(1.0, 1.0, 0.0, 10**9, None, "host", "cpu")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fill a store, read it, and print a row for each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="none: a SQLite file in a temporary folder")
    parser.add_argument("--trials", type=int, default=10_000)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.store or str(Path(folder) / "moopt.db")
        with Store(url) as store:
            name = f"store_times_{time.time_ns()}"
            store.register(replace(study, name=name))
            OUT.print(f"{'':<34}{'CPU':>12}{'wall':>12}")
            _fill(store, name, chosen.trials)
            revision, trials = store.changed(name)
            _say(f"read {len(trials)} trials, s", 1, lambda: store.trials(name))
            _say("look for changes, ms", 1000, lambda: store.changed(name, since=revision))


def _fill(store: Store, name: str, trials: int) -> None:
    parameters = {each.name: 0.1234567890123456 for each in study.parameters}
    candidate = Candidate(parameters, sampler="bayesian", notes={"choice": "bayesian"})
    steps: dict[str, Callable[[int], object]] = {
        "add and start a trial, ms": lambda _: store.add(name, candidate, 0, driver="driver"),
        "record a trial, ms": lambda number: store.complete(name, number, MEASURED, usage=USAGE),
    }
    for title, step in steps.items():
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(trials):
            step(number)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        OUT.print(f"{title:<34}{1000 * cpu / trials:>12.2f}{1000 * wall / trials:>12.2f}")


def _say(title: str, scale: float, work: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    OUT.print(f"{title:<34}{scale * cpu:>12.2f}{scale * wall:>12.2f}")


if __name__ == "__main__":
    main()
