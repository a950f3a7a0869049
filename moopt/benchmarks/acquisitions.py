"""Acquisition functions of Bayesian search beside each other, on random functions.

Run it with `python -m moopt.benchmarks.acquisitions --problems draw_rbf_3_1_0 --seeds 3`. A problem
is named as the registered draws are, with any seed: `draw_rbf_3_2_0` is exact,
`draw_rbf_3_2_noisy_0` has noise that is not told, and `draw_rbf_3_2_known_0` noise that comes with
its standard error. `--noise` is its size, as a share of the spread of an objective.

Told is which share of the best hypervolume is reached by the true values of all trials (tried), and
by those alone that the model recommends in the end. With one objective a hypervolume is how far a
value is beyond the reference. Seeds are interleaved.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median, stdev

from rich.console import Console

from moopt.benchmarks.contest.matches import Run
from moopt.benchmarks.draws import NOISE, Kernel, gaussian_process_draw
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.recommended import shares
from moopt.benchmarks.small_races import whole_run
from moopt.errors import SelectionError

PROBLEMS = "draw_rbf_3_1_0,draw_rbf_3_1_known_0,draw_matern_3_2_0,draw_matern_3_2_known_0"
ACQUISITIONS = "boxes,evaluated_ei,knowledge_gradient,joint_entropy"
TRIALS = 30

NAME = re.compile(r"draw_(matern|rbf)_(\d+)_(\d+)_(?:(noisy|known)_)?(\d+)")

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def draw_named(name: str, noise: float = NOISE) -> Problem:
    """Return the random functions of a name.

    Args:
        name: Such as `draw_matern_2_2_0`, `draw_rbf_6_2_noisy_1` or `draw_rbf_6_2_known_1`.
        noise: Standard deviation of a measurement, as a share of that of the objective.

    Raises:
        SelectionError: It is no such name.
    """
    parts = NAME.fullmatch(name)
    if parts is None:
        raise SelectionError(
            f"there is no draw {name!r}; expected draw_KERNEL_INPUTS_OBJECTIVES_SEED with 'matern' "
            "or 'rbf', and 'noisy_' or 'known_' before the seed where there is noise"
        )
    kernel, inputs, objectives, kind, seed = parts.groups()
    made = gaussian_process_draw(
        Kernel(kernel), int(inputs), int(objectives), seed=int(seed), noisy=kind is not None
    )
    if kind is None or not isinstance(made.noise, dict):
        return made
    scaled = {outcome: each * noise / NOISE for outcome, each in made.noise.items()}
    return replace(made, noise=scaled, known_noise=kind == "known")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print a table for each problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default=PROBLEMS, help="names of draws, comma between")
    parser.add_argument("--acquisitions", default=ACQUISITIONS, help="names, comma between")
    parser.add_argument("--seeds", type=int, default=3, help="how many, counted from 0")
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each run")
    parser.add_argument("--noise", type=float, default=NOISE, help="share of an objective's spread")
    chosen = parser.parse_args(arguments)
    names = chosen.acquisitions.split(",")
    for name in chosen.problems.split(","):
        problem = draw_named(name, chosen.noise)
        found: dict[str, list[Run]] = {each: [] for each in names}
        for seed in range(chosen.seeds):
            for each in names:
                run = whole_run(problem, f"bayesian:{each}", seed, chosen.trials)
                found[each].append(run)
                reached = run.hypervolumes[-1] / problem.best_hypervolume
                ERR.print(f"{name} {each} seed {seed}: {reached:.4f}")
        OUT.print(f"\n{name}, {chosen.trials} trials, {chosen.seeds} seeds: share of the best")
        OUT.print(
            f"{'acquisition':<20}{'half':>8}{'tried':>8}{'sd':>8}{'recommended':>13}{'sd':>8}"
            f"{'cpu s/ask':>11}"
        )
        for each in names:
            _print_row(problem, each, found[each])


def _print_row(problem: Problem, name: str, runs: Sequence[Run]) -> None:
    """Print means over seeds, and the median seconds of a proposal by a model."""
    trials = len(runs[0].parameters)
    best = problem.best_hypervolume
    half = fmean(run.hypervolumes[trials // 2 - 1] / best for run in runs)
    kept = [shares(problem, run) for run in runs]
    tried, recommended = ([getattr(each, kind) for each in kept] for kind in _KINDS)
    seconds = median(each for run in runs for each in run.cpu_seconds[trials // 2 :])
    OUT.print(
        f"{name:<20}{half:>8.3f}{fmean(tried):>8.3f}{_deviation(tried):>8.3f}"
        f"{fmean(recommended):>13.3f}{_deviation(recommended):>8.3f}{seconds:>11.3f}"
    )


_KINDS = ("tried", "recommended")


def _deviation(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
