"""Does an Optuna study with our sampler reach what `Optimizer` reaches by itself?

Run it with `python -m moopt.benchmarks.in_optuna`. The problem is BraninCurrin; both are given its
reference point and equal seeds.
"""

import argparse
from collections.abc import Sequence
from statistics import median

import optuna
from rich.console import Console

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.synthetic import branin_currin
from moopt.integrations.optuna import MooptSampler
from moopt.optimizer import Optimizer
from moopt.study.parameters import Parameters
from moopt.study.trials import Failure

OUT = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the hypervolume that each reaches with each seed, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=25)
    asked = parser.parse_args(arguments)
    problem = branin_currin()
    OUT.print(
        f"{problem.name}, {asked.trials} trials, hypervolume of {problem.best_hypervolume:.2f}"
    )
    OUT.print("seed Optimizer Optuna")
    rows = []
    for seed in range(asked.seeds):
        points = by_itself(problem, asked.trials, seed), in_optuna(problem, asked.trials, seed)
        rows.append([problem.hypervolumes(each)[-1] for each in points])
        OUT.print(f"{seed} {rows[-1][0]:.2f} {rows[-1][1]:.2f}")
    OUT.print("median", *(f"{median(column):.2f}" for column in zip(*rows, strict=True)))


def by_itself(problem: Problem, trials: int, seed: int) -> list[Parameters]:
    """Return the points that `Optimizer` tries."""
    optimizer = Optimizer(problem.study, seed=seed)
    for _ in range(trials):
        (trial,) = optimizer.ask()
        optimizer.tell(trial.number, _values(problem, trial.parameters))
    return [trial.parameters for trial in optimizer.trials]


def in_optuna(problem: Problem, trials: int, seed: int) -> list[Parameters]:
    """Return the points that an Optuna study tries with our sampler."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [each.name for each in problem.study.parameters]
    objectives = problem.study.objectives

    def objective(trial: optuna.Trial) -> list[float]:
        point = {name: trial.suggest_float(name, 0.0, 1.0) for name in names}
        return list(_values(problem, point).values())

    study = optuna.create_study(
        directions=[each.direction.value for each in objectives],
        sampler=MooptSampler(
            seed=seed,
            reference_point=[each.reference for each in objectives if each.reference is not None],
        ),
    )
    study.optimize(objective, n_trials=trials)
    return [trial.params for trial in study.trials]


def _values(problem: Problem, point: Parameters) -> dict[str, float]:
    values = problem.true_values(point)
    return {} if isinstance(values, Failure) else dict(values)


if __name__ == "__main__":
    main()
