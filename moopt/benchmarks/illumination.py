"""Does MAP-Elites find the best trial of more kinds? `map_elites` beside other samplers.

Run it with `python -m moopt.benchmarks.illumination`. On development problems it cuts trials into
kinds, once by two parameters, once by the second objective, and prints after so many trials the
coverage, the QD-score and the hypervolume. Coverage is the number of kinds that a run found, as a
share of those that any run found. The QD-score is the sum over kinds of the best quality in each,
from 0, the worst of all runs, to 1, over the same number; what was not found counts 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from moopt.benchmarks.contest.matches import Run
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.small_races import print_row, race_parser, whole_run
from moopt.front.archive import Cell, archive_of
from moopt.front.features import Feature
from moopt.front.named_numbers import objective_names
from moopt.study.study import Study
from moopt.study.trials import Failure, Measurement, Trial, TrialState

PROBLEMS = ("zdt1", "vehicle_safety", "draw_matern_2_2_0", "draw_rbf_4_2_0")
SAMPLERS = ("map_elites", "bayesian", "nsga2", "random")
CELLS = 5
"""Ranges of each parameter; an objective has twice as many."""


@dataclass(frozen=True, slots=True)
class Illumination:
    """What a run found of each kind."""

    coverage: float
    qd_score: float


def features_of(study: Study) -> dict[str, str]:
    """Return what makes the kinds, in the form of `map_elites:`, by what it is called."""
    names = [each.name for each in study.parameters]
    return {
        "parameters": ",".join(f"{name}:{CELLS}" for name in names[:2]),
        "objective": f"{objective_names(study)[1]}:{2 * CELLS}",
    }


def illuminations(problem: Problem, runs: Sequence[Run], features: str) -> list[Illumination]:
    """Return what runs on a problem found of each kind, on one scale, by true values."""
    trials = [_trial(problem, place, run) for place, run in enumerate(runs)]
    every = [trial for each in trials for trial in each]
    archive = archive_of(problem.study, every, [Feature.read(each) for each in features.split(",")])
    qualities = [quality for _, _, quality in archive.placed]
    worst, best = min(qualities), max(qualities)
    elites: list[dict[Cell, float]] = [{} for _ in runs]
    for cell, trial, quality in archive.placed:
        share = (quality - worst) / (best - worst) if best > worst else 1.0
        found = elites[trial.number // len(runs[0].parameters)]
        found[cell] = max(found.get(cell, 0.0), share)
    kinds = len(archive.elites)
    return [Illumination(len(each) / kinds, sum(each.values()) / kinds) for each in elites]


def _trial(problem: Problem, place: int, run: Run) -> list[Trial]:
    """Return the trials of a run with their true values, numbered from its place on."""
    trials = []
    for number, point in enumerate(run.parameters, start=place * len(run.parameters)):
        values = problem.true_values(point)
        if not isinstance(values, Failure):
            measured = {name: Measurement(value) for name, value in values.items()}
            trials.append(Trial(number, point, state=TrialState.COMPLETED, measurements=measured))
    return trials


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print what they found of each kind."""
    parser = race_parser(__doc__, PROBLEMS, SAMPLERS, seeds=2, trials=60)
    chosen = parser.parse_args(arguments)
    samplers = chosen.samplers.split(",")
    print_row(("problem", "kinds by", "sampler", "coverage", "QD-score", "hypervolume"))
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        known: dict[tuple[str, int], Run] = {}
        for kind, features in features_of(problem.study).items():
            runs = []
            for seed in range(chosen.seeds):
                for sampler in samplers:
                    search = f"{sampler}:{features}" if sampler == "map_elites" else sampler
                    if (search, seed) not in known:
                        known[search, seed] = whole_run(problem, search, seed, chosen.trials)
                    runs.append(known[search, seed])
            found = illuminations(problem, runs, features)
            for place, sampler in enumerate(samplers):
                ours = found[place :: len(samplers)]
                volumes = [run.hypervolumes[-1] for run in runs[place :: len(samplers)]]
                print_row(
                    (
                        name,
                        kind,
                        sampler,
                        f"{fmean(each.coverage for each in ours):.3f}",
                        f"{fmean(each.qd_score for each in ours):.3f}",
                        f"{fmean(volumes):.5g}",
                    )
                )


if __name__ == "__main__":
    main()
