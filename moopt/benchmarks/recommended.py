"""Which front to trust under noise: the measured one, or the one that the model recommends.

Run it with `python -m moopt.benchmarks.recommended --seeds 10`. A search sees noisy measurements;
then only the trials of a front are kept, and what their true values dominate is compared with what
all trials' true values do.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from rich.console import Console

from moopt.benchmarks.contest.matches import Run
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.small_races import replayed, whole_run
from moopt.study.trials import Trial

PROBLEM = "noisy_branin_currin"
SAMPLER = "bayesian"

OUT = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Shares:
    """True hypervolumes of one run, as shares of the best that there is."""

    measured: float
    """Of the trials that look non-dominated by their noisy measurements."""

    recommended: float
    """Of the trials that are non-dominated by posterior means."""

    tried: float
    """Of all trials: no choice among them keeps more."""


def shares(problem: Problem, run: Run) -> Shares:
    """Return what each front of a run keeps."""
    *_, optimizer = replayed(problem, run)
    return Shares(
        _kept(problem, optimizer.front().trials),
        _kept(problem, optimizer.recommended_front().front),
        run.hypervolumes[-1] / problem.best_hypervolume,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print what the fronts keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default=PROBLEM, help="a problem with noise")
    parser.add_argument("--sampler", default=SAMPLER, help="who searches")
    parser.add_argument("--seeds", type=int, default=10, help="how many, counted from 0")
    parser.add_argument("--trials", type=int, help="of each run; left out: the problem's own")
    chosen = parser.parse_args(arguments)
    problem = problem_named(chosen.problem)
    trials = chosen.trials or problem.checkpoints[-1]
    OUT.print(f"{problem.name}, {trials} trials: true hypervolume as a share of the best")
    OUT.print(f"{'seed':<8}{'measured':>12}{'recommended':>14}{'all trials':>13}")
    found = []
    for seed in range(chosen.seeds):
        found.append(shares(problem, whole_run(problem, chosen.sampler, seed, trials)))
        _print_row(str(seed), found[-1])
    columns = list(
        zip(*((each.measured, each.recommended, each.tried) for each in found), strict=True)
    )
    _print_row("mean", Shares(*(fmean(column) for column in columns)))
    if len(found) > 1:
        _print_row("sd", Shares(*(stdev(column) for column in columns)))


def _kept(problem: Problem, trials: Sequence[Trial]) -> float:
    """Return what the true values of trials dominate, as a share of the best."""
    reached = problem.hypervolumes([trial.parameters for trial in trials])
    return reached[-1] / problem.best_hypervolume if reached else 0.0


def _print_row(title: str, row: Shares) -> None:
    OUT.print(f"{title:<8}{row.measured:>12.3f}{row.recommended:>14.3f}{row.tried:>13.3f}")


if __name__ == "__main__":
    main()
