"""CPU seconds for a proposal, and memory, of moopt's search and of its peers.

Run it with `python -m moopt.benchmarks.speed`. Every row is measured in a process of its own, on
one thread: six parameters, `trials` of them known, everything that is fitted included. `first` is
the first proposal of the process, `further` the median of ten more, each after one more trial.

With `--large` there are 100 parameters and up to 5,000 trials. With `--batches` many candidates are
asked for at once, and what they add to the hypervolume is told as well.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TypeVar

from rich.console import Console

from moopt.benchmarks.batch_timing import Batch, made_batch
from moopt.benchmarks.timing import Case, Timing, timing

FULL = (
    *(Case("bayesian", objectives, trials) for objectives in (2, 3, 4) for trials in (100, 200)),
    Case("bayesian", 2, 1_000),
    Case("optuna-gp", 2, 100),
    Case("optuna-gp", 2, 200),
    Case("ax-client", 2, 100),
)
QUICK = (Case("bayesian", 2, 30, calls=2), Case("bayesian", 3, 30, calls=2))
QUICK_LARGE = (Case("trust_region", 2, 400, calls=2, dimension=50),)
QUICK_BATCHES = (Batch("in draws", 32, trials=20), Batch("sobol", 32, trials=20))
LARGE = tuple(
    Case("trust_region", 2, trials, calls=3, dimension=100) for trials in (500, 1_000, 2_000, 5_000)
)
BATCHES = tuple(Batch(way, size) for size in (8, 64) for way in ("in draws", "one by one", "sobol"))
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Asked = TypeVar("Asked")
Told = TypeVar("Told")
OUT = Console(highlight=False, soft_wrap=True)


def timings(cases: Sequence[Case]) -> Iterator[tuple[Case, Timing]]:
    """Measure one case after the other, each in a fresh process with one thread."""
    for case in cases:
        yield case, _apart(timing, case)


def _apart(measure: Callable[[Asked], Told], asked: Asked) -> Told:
    # A process reads them when it loads its libraries.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        return processes.submit(measure, asked).result()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few small cases, in seconds")
    parser.add_argument(
        "--sampler", help="whose proposals are timed: bayesian, with --large trust_region"
    )
    parser.add_argument("--large", action="store_true", help="100 parameters, thousands of trials")
    parser.add_argument("--batches", action="store_true", help="many candidates at once")
    chosen = parser.parse_args(arguments)
    if chosen.batches:
        _print_batches(QUICK_BATCHES if chosen.quick else BATCHES)
        return
    usual = "trust_region" if chosen.large else "bayesian"
    if chosen.sampler is None:
        chosen.sampler = usual
    cases = [
        replace(case, search=chosen.sampler) if case.search == usual else case
        for case in _cases(large=chosen.large, quick=chosen.quick)
    ]
    OUT.print(
        f"{'search':<20}{'objectives':>11}{'trials':>8}{'first s':>10}{'further s':>11}"
        f"{'peak MiB':>10}{'times ours':>12}"
    )
    ours: dict[tuple[int, int], Timing] = {}
    for case, measured in timings(cases):
        if case.search == chosen.sampler:
            ours[case.objectives, case.trials] = measured
        _print_row(case, measured, ours)


def _cases(*, large: bool, quick: bool) -> Sequence[Case]:
    if large:
        return QUICK_LARGE if quick else LARGE
    return QUICK if quick else FULL


def _print_batches(batches: Sequence[Batch]) -> None:
    OUT.print(f"{'way':<20}{'candidates':>11}{'trials':>8}{'s':>10}{'peak MiB':>10}{'gain %':>9}")
    for batch in batches:
        made = _apart(made_batch, batch)
        memory = "" if made.peak_mib is None else f"{made.peak_mib:.0f}"
        OUT.print(
            f"{batch.way:<20}{batch.size:>11}{batch.trials:>8}{made.seconds:>10.2f}"
            f"{memory:>10}{made.gain:>9.3f}"
        )


def _print_row(case: Case, measured: Timing, ours: Mapping[tuple[int, int], Timing]) -> None:
    known = ours.get((case.objectives, case.trials))
    ratio = "" if known is None else f"{measured.further / known.further:.1f}"
    memory = "" if measured.peak_mib is None else f"{measured.peak_mib:.0f}"
    OUT.print(
        f"{case.search:<20}{case.objectives:>11}{case.trials:>8}{measured.first:>10.3f}"
        f"{measured.further:>11.3f}{memory:>10}{ratio:>12}"
    )


if __name__ == "__main__":
    main()
