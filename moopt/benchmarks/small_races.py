"""What the commands share that play a few samplers on a few problems and print a table."""

import argparse
from collections.abc import Iterable, Iterator

from rich.console import Console

from moopt.benchmarks.contest.matches import Match, Rules, Run
from moopt.benchmarks.contest.playing import played_on
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.searches import end_trial
from moopt.errors import ExecutorError
from moopt.optimizer import Optimizer
from moopt.study.trials import evaluation_seed

OUT = Console(highlight=False, soft_wrap=True, markup=False)


def race_parser(
    description: str | None,
    problems: Iterable[str],
    samplers: Iterable[str],
    *,
    seeds: int,
    trials: int,
) -> argparse.ArgumentParser:
    """Return a parser that knows problems, samplers, seeds and trials, with these defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--problems", default=",".join(problems), help="comma between")
    parser.add_argument("--samplers", default=",".join(samplers), help="comma between")
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, counted from 0")
    parser.add_argument("--trials", type=int, default=trials, help="of each run")
    return parser


def whole_run(problem: Problem, search: str, seed: int, trials: int) -> Run:
    """Let a search propose all trials of a run, one by one, in this process.

    Raises:
        SelectionError: There is no search of that name, or it does not take the problem.
        MissingDependencyError: A peer is not installed.
        ExecutorError: The search broke down.
    """
    match = Match(problem.name, search, seed)
    run = played_on(problem, match, Rules(trials))
    if run.ended:
        raise ExecutorError(f"{match} broke down after {len(run.parameters)} trials: {run.ended}")
    return run


def replayed(problem: Problem, run: Run) -> Iterator[Optimizer]:
    """Yield an optimizer after each trial of a run that it is told again; always the same one."""
    optimizer = Optimizer(problem.study, "random", run.match.seed)
    for number, parameters in enumerate(run.parameters):
        trial = optimizer.attach(parameters)
        outcome = problem.measure(parameters, evaluation_seed(run.match.seed, number))
        end_trial(optimizer, trial.number, outcome)
        yield optimizer


def print_row(cells: Iterable[str]) -> None:
    """Print the cells of a row below each other's heads."""
    OUT.print("".join(f"{cell:<20}" for cell in cells).rstrip())
