"""Whether a search that stops because nothing is left to gain is right about it.

Run it with `python -m moopt.benchmarks.stagnation --seeds 5`. A search goes on to the last trial,
and a watch looks after each, as `moopt run --stop-when-stagnant PERCENT` does. Told is at which
trial it would have stopped, which bound it named, and what was truly left to the best known
hypervolume there. Over all looks it is told how often no more was left than the bound: 95 % of the
time, if the models are right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.small_races import OUT, print_row, race_parser, replayed, whole_run
from moopt.loop.stagnation import StagnationWatch

PROBLEMS = (
    "zdt1",
    "branin_currin",
    "draw_matern_2_2_0",
    "draw_matern_2_2_1",
    "draw_rbf_4_2_1",
    "loss_surface_3",
    "crash_edge",
)


@dataclass(frozen=True, slots=True)
class Look:
    """What a watch said after so many trials, and what was true; both in percent."""

    trials: int
    bound: float
    left: float
    is_stagnant: bool

    @property
    def holds(self) -> bool:
        """Whether no more was left than the bound."""
        return self.left <= self.bound


def looks(problem: Problem, sampler: str, seed: int, trials: int, percent: float) -> Iterator[Look]:
    """Yield what a watch says after each trial of a search, once there is enough to learn from.

    Args:
        problem: One whose best hypervolume is known.
        sampler: Who searches.
        seed: Of the search and of the noise.
        trials: Of the search, whatever the watch says.
        percent: Of hypervolume, at which the watch would end it.
    """
    run = whole_run(problem, sampler, seed, trials)
    watch = StagnationWatch(percent)
    for optimizer, reached in zip(replayed(problem, run), run.hypervolumes, strict=True):
        watch.look(problem.study, optimizer.trials)
        if watch.bound is not None and reached > 0:
            left = 100.0 * (problem.best_hypervolume / reached - 1.0)
            yield Look(len(optimizer.trials), watch.bound, left, watch.is_stagnant)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print a row for each."""
    parser = race_parser(__doc__, PROBLEMS, ("auto",), seeds=3, trials=60)
    parser.add_argument("--percent", type=float, default=1.0, help="that may be left")
    chosen = parser.parse_args(arguments)
    print_row(("problem", "sampler", "seed", "stops at", "bound, %", "truly left, %", "holds"))
    held: list[bool] = []
    few_left: list[bool] = []
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        for sampler, seed in product(chosen.samplers.split(","), range(chosen.seeds)):
            found = list(looks(problem, sampler, seed, chosen.trials, chosen.percent))
            stop = next((each for each in found if each.is_stagnant), None)
            print_row((name, sampler, str(seed), *_cells(found, stop)))
            held += [each.holds for each in found]
            few_left += [] if stop is None else [stop.left <= chosen.percent]
    OUT.print(f"\n{sum(few_left)} of {len(few_left)} stops left {chosen.percent:g} % at most")
    OUT.print(f"{sum(held)} of {len(held)} bounds held")


def _cells(found: Sequence[Look], stop: Look | None) -> tuple[str, ...]:
    held = f"{fmean(each.holds for each in found):.0%} of {len(found)}" if found else "no look"
    if stop is None:
        return "-", "-", "-", held
    return str(stop.trials), f"{stop.bound:.2f}", f"{stop.left:.2f}", held


if __name__ == "__main__":
    main()
