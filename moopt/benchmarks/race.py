"""Samplers against each other on one study file: equal budgets, several seeds, interleaved.

Run it with `python -m moopt.benchmarks.race STUDY --to DIR`. Every run has a store of its own under
DIR, so a race that was stopped goes on where it was, and its stores can be looked at afterwards.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from moopt.executors.local import LocalExecutor
from moopt.front.front import hypervolume_history
from moopt.loop import Progress, optimize
from moopt.store.store import Store
from moopt.study.loading import StudyFile, load_study_file
from moopt.study.trials import ENDED_STATES

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of a race."""

    sampler: str
    seed: int
    hypervolumes: tuple[float, ...]
    """After each trial that was measured, in the order in which they ended."""


def race(
    file: StudyFile,
    samplers: Sequence[str],
    seeds: Sequence[int],
    *,
    trials: int,
    workers: int,
    directory: Path,
) -> list[Entry]:
    """Run every sampler with every seed and return how the hypervolume grew.

    All runs begin with the study's own starting points.
    """
    directory.mkdir(parents=True, exist_ok=True)
    entries = []
    for seed in seeds:
        for sampler in samplers:
            folder = directory / f"{sampler}-{seed}"
            executor = LocalExecutor(file.path, workers=workers, directory=folder)
            with Store(str(directory / f"{sampler}-{seed}.db")) as store:
                try:
                    optimize(
                        file.study,
                        file.evaluate,
                        trials=trials,
                        sampler=sampler,
                        executor=executor,
                        store=store,
                        seed=seed,
                        observe=_say,
                    )
                finally:
                    executor.close()
                history = hypervolume_history(
                    store.study(file.study.name), store.trials(file.study.name)
                )
            entries.append(Entry(sampler, seed, tuple(history)))
            _print_entry(entries[-1])
    return entries


def print_table(entries: Sequence[Entry]) -> None:
    """Print median, smallest and largest hypervolume by sampler, and who won how often."""
    samplers = list(dict.fromkeys(entry.sampler for entry in entries))
    OUT.print(f"\n{'sampler':<12}{'median':>12}{'smallest':>12}{'largest':>12}")
    for sampler in samplers:
        final = [each.hypervolumes[-1] for each in entries if each.sampler == sampler]
        OUT.print(f"{sampler:<12}{median(final):>12.6f}{min(final):>12.6f}{max(final):>12.6f}")
    first, *others = samplers
    for other in others:
        pairs = _pairs(entries, first, other)
        wins = sum(ours > theirs for ours, theirs in pairs)
        OUT.print(f"{first} beats {other} on {wins} of {len(pairs)} seeds")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the race and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="a study file")
    parser.add_argument("--samplers", default="bayesian,random", help="names, comma between")
    parser.add_argument("--seeds", type=int, default=3, help="how many, counted from 0")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", type=Path, required=True, help="folder for the stores")
    chosen = parser.parse_args(arguments)
    file = load_study_file(chosen.study)
    if file.prepare is not None:
        file.prepare(lambda message, share: ERR.print(f"{share:4.0%} {message}"))
    entries = race(
        file,
        chosen.samplers.split(","),
        range(chosen.seeds),
        trials=chosen.trials,
        workers=chosen.workers,
        directory=chosen.to,
    )
    print_table(entries)


def _say(progress: Progress) -> None:
    if ERR.is_terminal:
        done = sum(trial.state in ENDED_STATES for trial in progress.trials)
        ERR.print(f"\r{done}/{progress.target} trials", end="")


def _print_entry(entry: Entry) -> None:
    half = entry.hypervolumes[len(entry.hypervolumes) // 2 - 1]
    OUT.print(
        f"{entry.sampler} seed {entry.seed}: hypervolume {entry.hypervolumes[-1]:.6f} after "
        f"{len(entry.hypervolumes)} trials, {half:.6f} after half of them"
    )


def _pairs(entries: Sequence[Entry], first: str, second: str) -> list[tuple[float, float]]:
    final = {(entry.sampler, entry.seed): entry.hypervolumes[-1] for entry in entries}
    seeds = [entry.seed for entry in entries if entry.sampler == first]
    return [(final[first, seed], final[second, seed]) for seed in seeds]


if __name__ == "__main__":
    main()
