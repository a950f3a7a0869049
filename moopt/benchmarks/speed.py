"""CPU seconds for a proposal, and memory, of moopt's search and of its peers.

Run it with `python -m moopt.benchmarks.speed`. Every row is measured in a process of its own, on
one thread: six parameters, `trials` of them known, everything that is fitted included. `first` is
the first proposal of the process, `further` the median of ten more, each after one more trial.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

from rich.console import Console

from moopt.benchmarks.timing import Case, Timing, timing

FULL = (
    *(Case("bayesian", objectives, trials) for objectives in (2, 3, 4) for trials in (100, 200)),
    Case("bayesian", 2, 1_000),
    Case("optuna-gp", 2, 100),
    Case("optuna-gp", 2, 200),
    Case("ax-client", 2, 100),
)
QUICK = (Case("bayesian", 2, 30, calls=2), Case("bayesian", 3, 30, calls=2))
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OUT = Console(highlight=False, soft_wrap=True)


def timings(cases: Sequence[Case]) -> Iterator[tuple[Case, Timing]]:
    """Measure one case after the other, each in a fresh process with one thread."""
    # A process reads them when it loads its libraries.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    for case in cases:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
            yield case, processes.submit(timing, case).result()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few small cases, in seconds")
    parser.add_argument("--sampler", default="bayesian", help="whose proposals are timed")
    chosen = parser.parse_args(arguments)
    cases = [
        replace(case, search=chosen.sampler) if case.search == "bayesian" else case
        for case in (QUICK if chosen.quick else FULL)
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
