"""What earlier studies save: searches on tables of trainings that learn from the other tables.

Run it with `python -m moopt.benchmarks.transfer --tables development --seeds 3 --to runs.jsonl`.
Each table of HPOLib and of HPOBench is left out once: the others of its suite are the sources, each
with the trials of an earlier search. Compared on equal seeds are the search without them, the one
that learns from them, and one whose sources were made to say nothing: what was measured lies beside
the parameters of another trial. Development tables learn from development tables alone; reported
ones from all others. Runs are kept in the file, a line each, and are not made again.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import PROBLEMS
from moopt.benchmarks.registry import Use
from moopt.benchmarks.table_problems import hpobench, hpolib
from moopt.errors import SelectionError
from moopt.optimizer import Optimizer
from moopt.study.parameters import Parameters
from moopt.study.source import Source
from moopt.study.trials import Trial, TrialState, evaluation_seed
from moopt.study.validation import check_measurements

SUITES = ("hpobench", "hpolib")
RECORDING_SEED = 1000
"""Added to the seed of a search whose trials others learn from."""

OUT = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class TransferRun:
    """One search on one table."""

    table: str
    arm: str
    seed: int
    parameters: tuple[Parameters, ...]
    hypervolumes: tuple[float, ...]
    """Of the true values, after each trial."""

    seconds: float
    """Of the processor, for all proposals."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What sources did for one search, next to the one without."""

    table: str
    seed: int
    needed: float
    """Share of the trials after which there was as much hypervolume. Infinite: not with all."""

    at_half: float
    """Hypervolume after half of the trials, as a share."""

    at_end: float
    permuted: float
    """The same after all trials, with sources that say nothing."""

    needed_permuted: float
    """Share of the trials that this took: what a shorter initial design saves by itself."""


class Runs:
    """Searches, kept in a file: each is made once.

    Args:
        file: A line for each.
        trials: Of every search.
        recorder: The sampler whose searches are learned from.
        use: Whose tables are searched.
    """

    def __init__(self, file: Path, trials: int, recorder: str, use: Use) -> None:
        self._file, self._trials, self._recorder, self._use = file, trials, recorder, use
        self._known: dict[tuple[str, str, int], TransferRun] = {}
        for line in file.read_text().splitlines() if file.exists() else ():
            run = TransferRun(**json.loads(line))
            self._known[run.table, run.arm, run.seed] = run

    def of(self, table: str, arm: str, seed: int) -> TransferRun:
        """Return a run, and make it where that was not done yet."""
        told = {
            "alone": "alone",
            "recorded": f"recorded {self._recorder}",
        }.get(arm, f"{arm} {self._recorder} {self._use.value}")
        key = (table, f"{told} {self._trials}", seed)
        if key not in self._known:
            sampler, sources = "auto", []
            if arm == "recorded":
                sampler, seed = self._recorder, seed + RECORDING_SEED
            elif arm != "alone":
                sources = [
                    self._source(each, seed, permuted=arm == "permuted")
                    for each in source_tables(table, self._use)
                ]
            run = replace(
                search(problem_of(table), sampler, sources, seed, self._trials),
                table=table,
                arm=key[1],
                seed=key[2],
            )
            with self._file.open("a") as stream:
                stream.write(json.dumps(asdict(run)) + "\n")
            self._known[key] = run
        return self._known[key]

    def outcome(self, table: str, seed: int) -> Outcome:
        """Return what sources did on a table."""
        alone, transfer, permuted = (
            np.array(self.of(table, arm, seed).hypervolumes)
            for arm in ("alone", "transfer", "permuted")
        )
        target = alone[-1]
        half = len(alone) // 2 - 1
        return Outcome(
            table,
            seed,
            _needed(transfer, target),
            float(transfer[half] / target),
            float(transfer[-1] / target),
            float(permuted[-1] / target),
            _needed(permuted, target),
        )

    def _source(self, table: str, seed: int, *, permuted: bool) -> Source:
        run, problem = self.of(table, "recorded", seed), problem_of(table)
        source = recorded(problem, run.parameters, seed + RECORDING_SEED)
        return shuffled(source, seed) if permuted else source


def tables_of(use: Use) -> list[str]:
    """Return the tables of a use, of all suites."""
    return [
        name for name, entry in PROBLEMS.items() if entry.use is use and name.startswith(SUITES)
    ]


def source_tables(table: str, use: Use) -> list[str]:
    """Return the tables of the same suite that a search may learn from."""
    known = tables_of(Use.DEVELOPMENT) + (tables_of(use) if use is Use.REPORTED else [])
    suite = table.partition("_")[0]
    return [each for each in known if each.startswith(suite) and each != table]


def problem_of(table: str) -> Problem:
    """Return a table as a problem, with the outcomes that its whole suite has."""
    suite, _, name = table.partition("_")
    return hpobench(name) if suite == "hpobench" else hpolib(name, alike=True)


def search(
    problem: Problem, sampler: str, sources: Sequence[Source], seed: int, trials: int
) -> TransferRun:
    """Search a table, one trial after the other."""
    with one_thread(seed):
        optimizer = Optimizer(problem.study, sampler, seed, transfer_from=sources)
        seconds = 0.0
        for number in range(trials):
            began = process_time()
            (trial,) = optimizer.ask()
            seconds += process_time() - began
            found = problem.measure(trial.parameters, evaluation_seed(seed, number))
            if not isinstance(found, dict):
                raise SelectionError(f"{problem.name} measured no numbers: {found!r}")
            optimizer.tell(trial.number, found)
    points = tuple(each.parameters for each in optimizer.trials)
    return TransferRun(
        problem.name, sampler, seed, points, tuple(problem.hypervolumes(points)), seconds
    )


def recorded(problem: Problem, parameters: Sequence[Parameters], seed: int) -> Source:
    """Return a search that was made before as a source, with what it measured."""
    trials = []
    for number, each in enumerate(parameters):
        found = problem.measure(each, evaluation_seed(seed, number))
        if not isinstance(found, dict):
            raise SelectionError(f"{problem.name} measured no numbers: {found!r}")
        measured = check_measurements(found)
        trials.append(Trial(number, each, state=TrialState.COMPLETED, measurements=measured))
    return Source(problem.study, trials)


def shuffled(source: Source, seed: int) -> Source:
    """Return a source whose measurements lie beside the parameters of other trials."""
    order = np.random.default_rng(seed).permutation(len(source.trials))
    trials = [
        replace(each, measurements=source.trials[other].measurements)
        for each, other in zip(source.trials, order.tolist(), strict=True)
    ]
    return Source(source.study, trials)


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of the table: quartiles by suite, and of all."""
    columns = {
        "trials needed": "needed",
        "hypervolume at half": "at_half",
        "at the end": "at_end",
        "permuted: needed": "needed_permuted",
        "permuted: at the end": "permuted",
    }
    yield f"{'':<12}{'runs':>5}" + "".join(f"{each:>24}" for each in columns)
    for name in (*SUITES, ""):
        some = [each for each in outcomes if each.table.startswith(name)]
        if not some:
            continue
        cells = [_quartiles([getattr(each, field) for each in some]) for field in columns.values()]
        yield f"{name or 'all':<12}{len(some):>5}" + "".join(f"{each:>24}" for each in cells)


def _needed(hypervolumes: NDArray[np.float64], target: float) -> float:
    reached = np.flatnonzero(hypervolumes >= target)
    return float((reached[0] + 1) / len(hypervolumes)) if len(reached) else math.inf


def _quartiles(values: Sequence[float]) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], method="nearest")
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, make the runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    uses = [each.value for each in Use]
    parser.add_argument("--tables", choices=uses, default="development", help="which half")
    parser.add_argument("--seeds", type=int, default=3, help="how many, counted from 0")
    parser.add_argument("--trials", type=int, default=40, help="of every search")
    parser.add_argument("--recorder", default="auto", help="sampler whose trials are learned from")
    parser.add_argument("--to", type=Path, required=True, help="file of the runs, .jsonl")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    use = Use(chosen.tables)
    runs = Runs(chosen.to, chosen.trials, chosen.recorder, use)
    outcomes = []
    for seed in range(chosen.seeds):
        for table in tables_of(use):
            found = runs.outcome(table, seed)
            outcomes.append(found)
            OUT.print(
                f"{table} seed {seed}: as much after {found.needed:.3f} of the trials, at half "
                f"{found.at_half:.3f}, at the end {found.at_end:.3f}, permuted {found.permuted:.3f}"
            )
    for line in summary(outcomes):
        OUT.print(line)


if __name__ == "__main__":
    main()
