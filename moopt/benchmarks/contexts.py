"""Is it worth while to measure a candidate in one context at a time, rather than in all of them?

Run it with `python -m moopt.benchmarks.contexts --seeds 5`. A random function has a part that all
folds share, and each fold has a part and a level of its own. The mean over folds is to be
maximized, and each measurement of one fold costs one. `one at a time` chooses candidate and fold
together, `all at once` measures every fold of each candidate, `unaware` measures a random fold and
takes what differs for noise.

Told is the true mean over folds of what each way recommends in the end: 0 is a random candidate, 1
the best there is.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from moopt.benchmarks.draws import Draw, Kernel
from moopt.benchmarks.one_thread import one_thread
from moopt.optimizer import Optimizer
from moopt.samplers.bayesian import BayesianSampler
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Categorical, Continuous, Parameters
from moopt.study.study import Study
from moopt.surrogates.recommended_over import recommend_over

INPUTS = 3
FOLDS = 5
OWN, LEVEL, NOISE = 0.4, 0.5, 0.05
"""Standard deviations of what a fold has for itself, of its level, and of a measurement, where that
of what all folds share is one."""

FEWEST = 3 * FOLDS
"""Measurements of which every way can recommend something."""

POINTS = 4096
STEPS = 150
OBJECTIVE = "score"

OUT = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Folds:
    """A function that differs from fold to fold."""

    draw: Draw
    levels: Float[Tensor, " f"]

    @classmethod
    def of(cls, seed: int) -> "Folds":
        """Return the folds of a seed."""
        generator = np.random.default_rng([INPUTS, FOLDS, seed])
        levels = torch.from_numpy(LEVEL * generator.standard_normal(FOLDS))
        return cls(Draw.of(Kernel.RBF, INPUTS, 1 + FOLDS, seed), levels)

    def values(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n f"]:
        """Return what each fold gives."""
        parts = self.draw.values(points)
        return parts[:, :1] + OWN * parts[:, 1:] + self.levels

    def of_parameters(self, parameters: Parameters) -> Float[np.ndarray, " f"]:
        """Return what each fold gives."""
        point = torch.tensor([[parameters[f"x{place}"] for place in range(INPUTS)]]).double()
        return self.values(point)[0].numpy()

    def ends(self) -> tuple[float, float]:
        """Return the mean of a random candidate, and that of the best one."""
        generator = torch.Generator().manual_seed(0)
        points = torch.rand(POINTS, INPUTS, generator=generator, dtype=torch.float64)
        means = self.values(points).mean(dim=1)
        here = points[means.topk(32).indices].clone().requires_grad_()
        optimizer = torch.optim.Adam([here], lr=0.01)
        for _ in range(STEPS):
            optimizer.zero_grad()
            (-self.values(here).mean(dim=1)).sum().backward()
            optimizer.step()
            with torch.no_grad():
                here.clamp_(0.0, 1.0)
        best = self.values(here.detach()).mean(dim=1).max()
        return float(means.mean()), float(best)


Way = Callable[[Folds, int, int], Parameters]
"""From folds, measurements and a seed to what is recommended."""


def one_at_a_time(
    folds: Folds, measurements: int, seed: int, acquisition: str = "knowledge_gradient"
) -> Parameters:
    """Let the search choose candidate and fold together."""
    study = _study([str(fold) for fold in range(FOLDS)])
    sampler = BayesianSampler(context="fold", acquisition=acquisition)
    optimizer = Optimizer(study, sampler, seed)
    noise = np.random.default_rng(seed)
    for _ in range(measurements):
        (trial,) = optimizer.ask()
        value = folds.of_parameters(trial.parameters)[int(trial.parameters["fold"])]
        optimizer.tell(trial.number, {OBJECTIVE: float(value + NOISE * noise.standard_normal())})
    return recommend_over(study, optimizer.trials, "fold").front[0].parameters


def among_evaluated(folds: Folds, measurements: int, seed: int) -> Parameters:
    """Do the same with the improvement among evaluated candidates."""
    return one_at_a_time(folds, measurements, seed, "evaluated_ei")


def all_at_once(folds: Folds, measurements: int, seed: int) -> Parameters:
    """Measure every fold of each candidate, and learn their mean."""
    noise = np.random.default_rng(seed)

    def mean(parameters: Parameters) -> float:
        values = folds.of_parameters(parameters)
        return float((values + NOISE * noise.standard_normal(FOLDS)).mean())

    return _recommended(mean, measurements // FOLDS, seed)


def unaware(folds: Folds, measurements: int, seed: int) -> Parameters:
    """Measure a random fold, as if folds did not differ but by noise."""
    noise = np.random.default_rng(seed)

    def one(parameters: Parameters) -> float:
        value = folds.of_parameters(parameters)[noise.integers(FOLDS)]
        return float(value + NOISE * noise.standard_normal())

    return _recommended(one, measurements, seed)


WAYS: dict[str, Way] = {
    "one at a time": one_at_a_time,
    "one at a time (evaluated_ei)": among_evaluated,
    "all at once": all_at_once,
    "unaware": unaware,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run all ways and print what each comes to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many functions")
    parser.add_argument("--first-seed", type=int, default=0, help="where they are counted from")
    parser.add_argument("--measurements", type=int, default=40, help="of one fold, of each run")
    parser.add_argument("--ways", default=",".join(WAYS), help="which ones, by comma")
    chosen = parser.parse_args(arguments)
    ways = chosen.ways.split(",")
    if unknown := set(ways) - set(WAYS):
        parser.error(f"there is no way {sorted(unknown)}; choose from {list(WAYS)}")
    if chosen.seeds < 1 or chosen.measurements < FEWEST:
        parser.error(f"needs a seed and at least {FEWEST} measurements, three of all folds")
    found: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        folds = Folds.of(seed)
        low, high = folds.ends()
        for name in ways:
            with one_thread(seed):
                best = folds.of_parameters(WAYS[name](folds, chosen.measurements, seed))
            found[name].append((float(best.mean()) - low) / (high - low))
    OUT.print(f"{chosen.measurements} measurements of one fold, {chosen.seeds} functions")
    OUT.print(f"{'way':<30}{'mean':>8}{'sd':>8}{'worst':>8}")
    for name, shares in found.items():
        spread = stdev(shares) if len(shares) > 1 else 0.0
        OUT.print(f"{name:<30}{fmean(shares):>8.3f}{spread:>8.3f}{min(shares):>8.3f}")


def _study(folds: Sequence[str] = ()) -> Study:
    parameters = [Continuous(f"x{place}", 0.0, 1.0) for place in range(INPUTS)]
    context = [Categorical("fold", list(folds))] if folds else []
    return Study("folds", parameters=[*parameters, *context], objectives=_OBJECTIVES)


_OBJECTIVES = [Objective(OBJECTIVE, Maximize, reference=-5.0)]


def _recommended(measure: Callable[[Parameters], float], trials: int, seed: int) -> Parameters:
    optimizer = Optimizer(_study(), BayesianSampler(), seed)
    for _ in range(trials):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, {OBJECTIVE: measure(trial.parameters)})
    return optimizer.recommended_front().front[0].parameters


if __name__ == "__main__":
    main()
