"""Are batches better with a preference for each candidate? `preference_batch` and others.

Run it with `python -m moopt.benchmarks.batches`. On development problems candidates are asked for
in batches. It prints, after so many trials, the hypervolume of the true values, the
spread of the batches, which is the mean distance between the candidates of one in the unit cube,
the expected utility of the front, as `moopt.front.indicators` has it, in units of what all runs
reached, and the seconds of the CPU for each proposal.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.searches import end_trial
from moopt.benchmarks.small_races import print_row, race_parser
from moopt.encoding.space import SpaceEncoding
from moopt.front.indicators import expected_utility
from moopt.front.reference_point import reference_point
from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.reports.growth import BLIND
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.registry import sampler_named
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure, evaluation_seed

PROBLEMS = ("zdt1", "vehicle_safety", "draw_matern_2_2_0", "draw_rbf_4_2_0")
SAMPLERS = ("preference_batch", "bayesian", "qlognparego")


@dataclass(frozen=True, slots=True)
class BatchRun:
    """A search by batches."""

    points: tuple[Parameters, ...]
    spread: float
    """Mean distance between the candidates of a batch, those of the initial design left out."""

    seconds: float
    """Of the CPU for each proposal, those of the initial design left out."""


def batch_run(problem: Problem, sampler: str, seed: int, *, trials: int, size: int) -> BatchRun:
    """Search a problem by batches."""
    points: list[Parameters] = []
    spreads, seconds = [], []
    encoding = SpaceEncoding.of(problem.study)
    with one_thread(seed):
        optimizer = Optimizer(problem.study, _sampler(sampler), seed)
        while len(points) < trials:
            start = time.process_time()
            batch = optimizer.ask(min(size, trials - len(points)))
            if any(trial.sampler not in BLIND for trial in batch):
                seconds.append((time.process_time() - start) / len(batch))
                spreads.append(_distance(encoding.encode_all([each.parameters for each in batch])))
            for trial in batch:
                points.append(trial.parameters)
                outcome = problem.measure(trial.parameters, evaluation_seed(seed, trial.number))
                end_trial(optimizer, trial.number, outcome)
    return BatchRun(tuple(points), fmean(spreads), fmean(seconds))


def _sampler(name: str) -> Sampler:
    return BayesianSampler(acquisition=name) if name.startswith("qlog") else sampler_named(name)


def _distance(points: Float[Tensor, "b d"]) -> float:
    return float(torch.pdist(points).mean()) if len(points) > 1 else 0.0


def utilities(problem: Problem, runs: Sequence[BatchRun]) -> list[float]:
    """Return the expected utility of each run's trials, 1 where it has the best of all runs."""
    reference = reference_point(problem.study)
    fronts = [_true_values(problem, run) for run in runs]
    best = np.concatenate(fronts).max(axis=0)
    units = np.where(best > reference, best - reference, 1.0)
    return [expected_utility((np.maximum(each, reference) - reference) / units) for each in fronts]


def _true_values(problem: Problem, run: BatchRun) -> Float[np.ndarray, "n m"]:
    signs = {each.name: each.direction.sign for each in problem.study.objectives}
    values = [problem.true_values(point) for point in run.points]
    rows = [
        [sign * each[name] for name, sign in signs.items()]
        for each in values
        if not isinstance(each, Failure) and problem.is_feasible(each)
    ]
    return np.array(rows).reshape(len(rows), len(signs))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the searches and print what their batches led to."""
    parser = race_parser(__doc__, PROBLEMS, SAMPLERS, seeds=2, trials=48)
    parser.add_argument("--size", type=int, default=8, help="of a batch")
    chosen = parser.parse_args(arguments)
    samplers = chosen.samplers.split(",")
    print_row(("problem", "sampler", "hypervolume", "utility", "spread", "seconds"))
    for name in chosen.problems.split(","):
        problem = problem_named(name)
        runs = [
            batch_run(problem, sampler, seed, trials=chosen.trials, size=chosen.size)
            for seed in range(chosen.seeds)
            for sampler in samplers
        ]
        worth = utilities(problem, runs)
        for place, sampler in enumerate(samplers):
            ours = runs[place :: len(samplers)]
            print_row(
                (
                    name,
                    sampler,
                    f"{fmean(problem.hypervolumes(run.points)[-1] for run in ours):.5g}",
                    f"{fmean(worth[place :: len(samplers)]):.4f}",
                    f"{fmean(run.spread for run in ours):.3f}",
                    f"{fmean(run.seconds for run in ours):.2f}",
                )
            )


if __name__ == "__main__":
    main()
