"""Searches against each other on problems whose true front is known.

Run it with `python -m moopt.benchmarks.quality --problems zdt1,dtlz2 --samplers bayesian,random`.
Seeds are interleaved over the samplers. With `--to DIR` every run is kept there as JSON and is not
made again, so a benchmark that was stopped goes on where it was; use a new folder for new code.
"""

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, median, stdev

from rich.console import Console

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import PROBLEMS, problem_named
from moopt.benchmarks.runs import Run, kept_run, search_run

LAST = 20
"""Failures among so many last trials show what a search has learned of them."""

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def compare(
    problem: Problem,
    samplers: Sequence[str],
    seeds: Sequence[int],
    *,
    trials: int,
    directory: Path | None = None,
) -> list[Run]:
    """Return a run of every sampler with every seed.

    Args:
        problem: What to search.
        samplers: Names, as `searches` knows them.
        seeds: Each is given to every sampler before the next one.
        trials: Of each run.
        directory: Where runs are kept. None: nowhere.
    """
    runs = []
    for seed in seeds:
        for sampler in samplers:
            if directory is None:
                run = search_run(problem, sampler, seed, trials)
            else:
                run = kept_run(problem, sampler, seed, trials, directory)
            runs.append(run)
            reached = problem.scored(run.hypervolumes[trials - 1])
            ERR.print(f"{problem.name} {sampler} seed {seed}: {reached:.4f}")
    return runs


def print_table(problem: Problem, runs: Sequence[Run], checkpoints: Sequence[int]) -> None:
    """Print scores by sampler and number of trials, and who won how often at the end.

    CPU seconds are the median over the later half of the trials, when models are at work, of all
    seeds. Failures are means over seeds.
    """
    seeds = len({run.seed for run in runs})
    samplers = list(dict.fromkeys(run.search for run in runs))
    OUT.print(f"\n{problem.name}, {seeds} seeds: {problem.score.value}")
    OUT.print(
        f"{'sampler':<20}{'trials':>8}{'median':>10}{'mean':>10}{'sd':>10}{'cpu s/ask':>12}"
        f"{'failed':>9}{f'last {LAST}':>9}"
    )
    for sampler in samplers:
        for trials in checkpoints:
            _print_row(problem, [run for run in runs if run.search == sampler], trials)
    for one, other in combinations(samplers, 2):
        wins, pairs = _wins(problem, runs, one, other, checkpoints[-1])
        OUT.print(f"{one} beats {other} on {wins} of {pairs} seeds")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print a table for each problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--problems", default="zdt1,dtlz2", help=f"comma between, of: {', '.join(PROBLEMS)}"
    )
    parser.add_argument("--samplers", default="bayesian,random", help="names, comma between")
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first-seed", type=int, default=0, help="where they are counted from")
    parser.add_argument("--trials", type=int, help="of each run; left out: the problem's own")
    parser.add_argument("--to", type=Path, help="folder in which runs are kept")
    chosen = parser.parse_args(arguments)
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        checkpoints = _up_to(problem.checkpoints, chosen.trials)
        runs = compare(
            problem,
            chosen.samplers.split(","),
            range(chosen.first_seed, chosen.first_seed + chosen.seeds),
            trials=checkpoints[-1],
            directory=chosen.to,
        )
        print_table(problem, runs, checkpoints)


def _up_to(checkpoints: Sequence[int], trials: int | None) -> list[int]:
    if trials is None:
        return list(checkpoints)
    return [*(each for each in checkpoints if each < trials), trials]


def _print_row(problem: Problem, runs: Sequence[Run], trials: int) -> None:
    scores = [problem.scored(run.hypervolumes[trials - 1]) for run in runs]
    spread = stdev(scores) if len(scores) > 1 else 0.0
    seconds = median(each for run in runs for each in run.ask_seconds[trials // 2 : trials])
    failed = fmean(sum(run.failed[:trials]) for run in runs)
    late = fmean(sum(run.failed[:trials][-LAST:]) for run in runs)
    OUT.print(
        f"{runs[0].search:<20}{trials:>8}{median(scores):>10.4f}{fmean(scores):>10.4f}"
        f"{spread:>10.4f}{seconds:>12.4f}{failed:>9.1f}{late:>9.1f}"
    )


def _wins(
    problem: Problem, runs: Sequence[Run], one: str, other: str, trials: int
) -> tuple[int, int]:
    """Return on how many seeds one sampler beats the other, and on how many both ran."""
    scores = {(run.search, run.seed): problem.scored(run.hypervolumes[trials - 1]) for run in runs}
    seeds = [seed for search, seed in scores if search == one and (other, seed) in scores]
    wins = [problem.is_better(scores[one, seed], scores[other, seed]) for seed in seeds]
    return sum(wins), len(wins)


if __name__ == "__main__":
    main()
