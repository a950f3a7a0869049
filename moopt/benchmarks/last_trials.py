"""What is gained in the last trials of a search that knows its budget, and of one that does not.

Run it with `python -m moopt.benchmarks.last_trials --problems draw_matern_6_3_0,zdt1 --seeds 4`.
Both go on from the same trials, all but the last few of a search by `bayesian`. The gain is what
the last ones add, in percent of the hypervolume before them.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.searches import SamplerSearch
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.last_trials import LAST
from moopt.study.parameters import Parameters
from moopt.study.trials import evaluation_seed

OUT = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Gains:
    """Of the last trials, in percent of the hypervolume before them."""

    planned: float
    """By a search that knows how many are left."""

    one_by_one: float


def gains(problem: Problem, seed: int, trials: int) -> Gains:
    """Return what the last of so many trials add; infinity where there was no hypervolume.

    Args:
        problem: What is searched.
        seed: Of the searches.
        trials: In all.
    """
    with one_thread(seed):
        known = _further(problem, [], BayesianSampler(), seed, trials - LAST)
        ends = [
            _further(problem, known, sampler, seed, LAST)
            for sampler in (BayesianSampler(budget=trials), BayesianSampler())
        ]
    before, *after = (problem.hypervolumes(points)[-1] for points in (known, *ends))
    return Gains(*((100 * (each / before - 1) if before > 0 else float("inf")) for each in after))


def _further(
    problem: Problem,
    known: Sequence[Parameters],
    sampler: BayesianSampler,
    seed: int,
    count: int,
) -> list[Parameters]:
    """Return known points and so many more."""
    search = SamplerSearch(problem.study, sampler, seed)
    points = list(known)
    for number, point in enumerate(known):
        search.attach(point, problem.measure(point, evaluation_seed(seed, number)))
    for number in range(count):
        point = search.ask()
        seed_here = evaluation_seed(seed, len(points))
        search.tell(number, problem.measure(point, seed_here))
        points.append(point)
    return points


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, search and print a row for each problem and one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", required=True, help="names, comma between")
    parser.add_argument("--seeds", type=int, default=4, help="how many")
    parser.add_argument("--trials", type=int, default=30, help="of each search")
    chosen = parser.parse_args(arguments)
    OUT.print(f"{'problem':<26}{'seeds':>6}{'planned %':>11}{'one by one %':>14}{'better':>8}")
    found: list[Gains] = []
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        here = [gains(problem, seed, chosen.trials) for seed in range(chosen.seeds)]
        _print_row(name, here)
        found += here
    _print_row("all", found)


def _print_row(name: str, found: Sequence[Gains]) -> None:
    planned, alone = (
        median(values)
        for values in ([each.planned for each in found], [each.one_by_one for each in found])
    )
    better = sum(each.planned > each.one_by_one for each in found)
    OUT.print(f"{name:<26}{len(found):>6}{planned:>11.2f}{alone:>14.2f}{better:>8}")


if __name__ == "__main__":
    main()
