"""Samplers against each other on one study file: equal budgets, several seeds, interleaved.

Run it with `python -m moopt.benchmarks.race STUDY --to DIR`. Every run has a store of its own under
DIR, so a race that was stopped goes on where it was, and its stores can be looked at afterwards.
A budget counts whole evaluations, so that samplers that cut evaluations short can race with others.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from moopt.executors.local import LocalExecutor
from moopt.front.front import hypervolume_history
from moopt.front.values import measured_trials
from moopt.loop import Progress, optimize
from moopt.store.store import Store
from moopt.study.costs import cost_of
from moopt.study.loading import StudyFile, load_study_file
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of a race."""

    sampler: str
    seed: int
    costs: tuple[float, ...]
    """In whole evaluations, up to each trial that has ended, in the order in which they did."""

    hypervolumes: tuple[float, ...]
    """After each of them."""

    seconds: float
    """Of evaluation, by all workers together."""

    def cost_to_reach(self, hypervolume: float) -> float | None:
        """Return the cost after which the hypervolume was that large. None: it never was."""
        for cost, reached in zip(self.costs, self.hypervolumes, strict=True):
            if reached >= hypervolume:
                return cost
        return None


def race(
    file: StudyFile,
    samplers: Sequence[str],
    seeds: Sequence[int],
    *,
    trials: int | None,
    budget: float | None = None,
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
                        budget=budget,
                        sampler=sampler,
                        executor=executor,
                        store=store,
                        seed=seed,
                        observe=_say,
                    )
                finally:
                    executor.close()
                resolved = store.study(file.study.name)
                entries.append(entry_of(resolved, store.trials(file.study.name), sampler, seed))
            _print_entry(entries[-1])
    return entries


def entry_of(study: Study, trials: Sequence[Trial], sampler: str, seed: int) -> Entry:
    """Return how the hypervolume of a run grew with its cost."""
    ended = sorted(
        (trial for trial in trials if trial.state in ENDED_STATES and trial.ended is not None),
        key=lambda trial: (trial.ended, trial.number),
    )
    whole = {trial.number for trial in measured_trials(study, ended)}
    after = iter(hypervolume_history(study, ended))
    costs, hypervolumes = [0.0], [0.0]
    for trial in ended:
        costs.append(costs[-1] + cost_of(study, trial, trials))
        hypervolumes.append(next(after) if trial.number in whole else hypervolumes[-1])
    seconds = sum(trial.usage.cpu_seconds for trial in ended if trial.usage is not None)
    return Entry(sampler, seed, tuple(costs), tuple(hypervolumes), seconds)


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
        shares = cost_shares(entries, first, other)
        reached = [share for share in shares if share is not None]
        never = f", never on {len(shares) - len(reached)}" if len(reached) < len(shares) else ""
        told = ", ".join(f"{share:.0%}" for share in reached) or "none"
        OUT.print(
            f"{first} reaches what {other} has in the end with {told} of its cost "
            f"(median {median(math.inf if each is None else each for each in shares):.0%}){never}"
        )


def cost_shares(entries: Sequence[Entry], first: str, other: str) -> list[float | None]:
    """Return, seed by seed, at which share of another one's cost a sampler has its hypervolume.

    None: it never had.
    """
    shares = []
    for theirs in entries:
        for ours in entries:
            if (ours.sampler, theirs.sampler, ours.seed) == (first, other, theirs.seed):
                cost = ours.cost_to_reach(theirs.hypervolumes[-1])
                shares.append(None if cost is None else cost / theirs.costs[-1])
    return shares


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the race and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="a study file")
    parser.add_argument("--samplers", default="bayesian,random", help="names, comma between")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, help="of each run; 40 where there is no budget")
    parser.add_argument("--budget", type=float, help="of each run, in whole evaluations")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", type=Path, required=True, help="folder for the stores")
    chosen = parser.parse_args(arguments)
    file = load_study_file(chosen.study)
    if file.prepare is not None:
        file.prepare(lambda message, share: ERR.print(f"{share:4.0%} {message}"))
    entries = race(
        file,
        chosen.samplers.split(","),
        range(chosen.first_seed, chosen.first_seed + chosen.seeds),
        trials=40 if chosen.trials is None and chosen.budget is None else chosen.trials,
        budget=chosen.budget,
        workers=chosen.workers,
        directory=chosen.to,
    )
    print_table(entries)


def _say(progress: Progress) -> None:
    if ERR.is_terminal:
        done = sum(trial.state in ENDED_STATES for trial in progress.trials)
        ERR.print(f"\r{done} trials", end="")


def _print_entry(entry: Entry) -> None:
    half = entry.hypervolumes[len(entry.hypervolumes) // 2]
    OUT.print(
        f"{entry.sampler} seed {entry.seed}: hypervolume {entry.hypervolumes[-1]:.6f} after "
        f"{len(entry.costs) - 1} trials, {half:.6f} after half of them; they cost "
        f"{entry.costs[-1]:.1f} whole evaluations, {entry.seconds:.0f} CPU s"
    )


def _pairs(entries: Sequence[Entry], first: str, second: str) -> list[tuple[float, float]]:
    final = {(entry.sampler, entry.seed): entry.hypervolumes[-1] for entry in entries}
    seeds = [entry.seed for entry in entries if entry.sampler == first]
    return [(final[first, seed], final[second, seed]) for seed in seeds]


if __name__ == "__main__":
    main()
