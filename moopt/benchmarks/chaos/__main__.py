"""Kill drivers and workers at random, and show that the record is whole.

`python -m moopt.benchmarks.chaos --kills 200` runs one study after the other, each with several
`moopt run` at once, kills them and starts them again until so many kills have happened, and then
compares the record with what the evaluations wrote down themselves. Exit status 1: something is
wrong. `--store postgres` starts a server of its own; a URL takes any other.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from moopt.benchmarks.chaos.faults import Chaos
from moopt.benchmarks.chaos.rounds import Plan, run_round
from moopt.benchmarks.chaos.summary import Summary, print_progress, print_summary
from moopt.benchmarks.postgres import PostgresServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, do it, print the table and return the exit status."""
    parser = argparse.ArgumentParser(prog="moopt.benchmarks.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of drivers, workers and both")
    parser.add_argument("--store", default="sqlite", help="sqlite, postgres, or a database URL")
    parser.add_argument("--seed", type=int, default=0, help="of the faults and the searches")
    parser.add_argument("--drivers", type=int, default=2, help="at once on each study")
    parser.add_argument("--workers", type=int, default=2, help="of each driver")
    parser.add_argument("--trials", type=int, default=100, help="of each study")
    parser.add_argument(
        "--crashing", type=float, default=0.0, help="share of the space that raises"
    )
    parser.add_argument("--samplers", default="sobol,sobol,bayesian", help="in turn, by study")
    parser.add_argument("--every", type=float, default=0.7, help="mean seconds between faults")
    parser.add_argument("--lease", type=float, default=3.0, help="see `moopt run`")
    parser.add_argument("--longest-stop", type=float, default=6.0, help="seconds of a SIGSTOP")
    parser.add_argument("--to", type=Path, help="folder for all files; kept")
    chosen = parser.parse_args(arguments)
    chaos = Chaos(np.random.default_rng(chosen.seed), chosen.every, chosen.longest_stop)
    # Whatever ends this ends the drivers, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    samplers = chosen.samplers.split(",")
    began = time.monotonic()
    summary = Summary()
    with _folder(chosen.to) as folder, _store(chosen.store, folder) as store:
        while not summary.rounds or chaos.kills < chosen.kills:
            plan = Plan(
                store=store,
                folder=folder,
                trials=chosen.trials,
                crashing=chosen.crashing,
                options=("--lease", str(chosen.lease)),
                drivers=chosen.drivers,
                workers=chosen.workers,
                sampler=samplers[len(summary.rounds) % len(samplers)],
                seed=chosen.seed * 1000 + len(summary.rounds),
            )
            summary.rounds.append(run_round(plan, chaos, kills=chosen.kills))
            summary.struck = chaos.struck
            print_progress(summary)
    print_summary(summary, store=chosen.store.partition(":")[0], seconds=time.monotonic() - began)
    return 1 if summary.complaints else 0


@contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    if asked is not None:
        asked.mkdir(parents=True, exist_ok=True)
        yield asked.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="moopt-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _store(asked: str, folder: Path) -> Iterator[str]:
    match asked:
        case "sqlite":
            yield str(folder / "chaos.db")
        case "postgres":
            with PostgresServer() as server:
                yield server.new_database()
        case url:
            yield url


if __name__ == "__main__":
    sys.exit(main())
