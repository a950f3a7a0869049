"""Does filling gaps make a better front? `gap_filling` beside `bayesian`, on development problems.

Run it with `python -m moopt.benchmarks.gaps`. It prints, of the true values after so many trials,
the hypervolume, the number of trials on the front, the widest gap and the sparsity. Gaps
are shares of the range of all fronts together, whose ends count as neighbours: a front that does
not reach them has a gap there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Float

from moopt.benchmarks.contest.matches import Run
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.small_races import print_row, race_parser, whole_run
from moopt.front.dominance import is_nondominated
from moopt.front.indicators import sparsity
from moopt.front.reference_point import reference_point
from moopt.study.trials import Failure

PROBLEMS = ("zdt1", "dtlz2", "vehicle_safety", "draw_matern_2_2_0", "draw_rbf_4_2_0")
SAMPLERS = ("gap_filling", "bayesian")


@dataclass(frozen=True, slots=True)
class Spread:
    """What the front of a run is like."""

    hypervolume: float
    points: int
    widest: float
    sparsity: float


def true_front(problem: Problem, run: Run) -> Float[np.ndarray, "f m"]:
    """Return the true values of the trials that no other one dominates, larger is better."""
    signs = {each.name: each.direction.sign for each in problem.study.objectives}
    values = [problem.true_values(point) for point in run.parameters]
    rows = [
        [sign * each[name] for name, sign in signs.items()]
        for each in values
        if not isinstance(each, Failure) and problem.is_feasible(each)
    ]
    found = np.array(rows).reshape(len(rows), len(signs))
    found = found[(found > reference_point(problem.study)).all(axis=1)]
    return np.asarray(found[is_nondominated(found)])


def spreads(problem: Problem, runs: Sequence[Run]) -> list[Spread]:
    """Return what the fronts of runs on a problem are like, on one scale."""
    fronts = [true_front(problem, run) for run in runs]
    every = np.concatenate(fronts)
    every = every[is_nondominated(every)]
    low, high = every.min(axis=0), every.max(axis=0)
    units = np.where(high > low, high - low, 1.0)
    found = []
    for run, front in zip(runs, fronts, strict=True):
        scaled = np.clip((front - low) / units, 0.0, 1.0)
        ends = np.concatenate([scaled, np.zeros((1, len(low))), np.ones((1, len(low)))])
        widest = float(np.diff(np.sort(ends, axis=0), axis=0).max())
        found.append(Spread(run.hypervolumes[-1], len(front), widest, sparsity(scaled)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print what their fronts are like."""
    parser = race_parser(__doc__, PROBLEMS, SAMPLERS, seeds=3, trials=40)
    chosen = parser.parse_args(arguments)
    samplers = chosen.samplers.split(",")
    columns = ("problem", "sampler", "hypervolume", "on the front", "widest gap", "sparsity")
    print_row(columns)
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        runs = [
            whole_run(problem, sampler, seed, chosen.trials)
            for seed in range(chosen.seeds)
            for sampler in samplers
        ]
        found = spreads(problem, runs)
        for place, sampler in enumerate(samplers):
            ours = found[place :: len(samplers)]
            print_row(
                (
                    name,
                    sampler,
                    f"{fmean(each.hypervolume for each in ours):.5g}",
                    f"{fmean(each.points for each in ours):.1f}",
                    f"{fmean(each.widest for each in ours):.3f}",
                    f"{fmean(each.sparsity for each in ours):.4f}",
                )
            )


if __name__ == "__main__":
    main()
