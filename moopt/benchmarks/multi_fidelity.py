"""How much of the cost of whole evaluations does a search spare that can cut them short?

Run it with `python -m moopt.benchmarks.multi_fidelity --to DIR`. A search with whole evaluations
sets the hypervolume to reach; the others spend until they reach it. Runs are interleaved, equal
seeds begin with equal candidates, and a benchmark that was stopped goes on where it was.

For a study file there is `python -m moopt.benchmarks.race FILE --budget X`.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median

from rich.console import Console

from moopt.benchmarks.fidelity_problem import FidelityProblem, left_behind, run_search
from moopt.benchmarks.fidelity_problems import PROBLEMS, REPORTED
from moopt.protocols import Sampler
from moopt.samplers.asha import AshaSampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.multi_fidelity import MultiFidelitySampler
from moopt.samplers.quasi_random import RandomSampler

OUT = Console(highlight=False, soft_wrap=True)

ARMS: Mapping[str, Callable[[], Sampler]] = {
    "multi_fidelity": MultiFidelitySampler,
    "asha": AshaSampler,
    "random": RandomSampler,
}
GOAL = 0.4
"""Share of the cost that is to be enough."""


@dataclass(frozen=True, slots=True)
class Race:
    """One search against whole evaluations, with one seed."""

    problem: str
    arm: str
    seed: int
    target: float
    """Hypervolume of the search with whole evaluations."""

    cost: float | None
    """Share of its cost at which there was as much. None: not for all of it."""

    at_goal: float
    """Share of the target that there was for 40 % of the cost."""

    trials: int
    whole: int
    """Of which at the highest fidelity."""

    left: int
    """Candidates that were not taken there and would be on the front."""

    left_gain: float
    """Share of the hypervolume that these would have added."""


def target_of(problem: FidelityProblem, seed: int, evaluations: int) -> float:
    """Return the hypervolume of the search with whole evaluations.

    Args:
        problem: What to search.
        seed: Of the search.
        evaluations: How many it has.
    """
    return run_search(
        problem, BayesianSampler(), budget=float(evaluations), seed=seed
    ).hypervolumes[-1]


def race(
    name: str, problem: FidelityProblem, arm: str, seed: int, *, evaluations: int, target: float
) -> Race:
    """Run a search until it has as much as the one with whole evaluations.

    Args:
        name: Of the problem.
        problem: What to search.
        arm: A key of `ARMS`.
        seed: Of the search.
        evaluations: How many whole ones set the target; nothing spends more.
        target: The hypervolume to reach.
    """
    budget = float(evaluations)
    run = run_search(problem, ARMS[arm](), budget=budget, seed=seed, enough=target)
    reached = run.reached(target)
    left = left_behind(problem, run.trials)
    return Race(
        problem=name,
        arm=arm,
        seed=seed,
        target=target,
        cost=None if reached is None else reached / budget,
        at_goal=run.at(GOAL * budget) / target,
        trials=len(run.trials),
        whole=sum(each.fidelity == problem.fidelity.high for each in run.trials),
        left=left.count,
        left_gain=left.gain,
    )


class Targets:
    """What searches with whole evaluations found, kept in a file: each is run once.

    Args:
        file: A line for each.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[tuple[str, int, int], float] = {}
        for line in file.read_text().splitlines() if file.exists() else ():
            problem, seed, evaluations, target = json.loads(line)
            self._known[problem, seed, evaluations] = target

    def of(self, name: str, seed: int, evaluations: int) -> float:
        """Return a target, and run its search where that was not done yet."""
        key = name, seed, evaluations
        if key not in self._known:
            self._known[key] = target_of(PROBLEMS[name](), seed, evaluations)
            with self._file.open("a") as stream:
                stream.write(json.dumps([*key, self._known[key]]) + "\n")
        return self._known[key]


def print_table(rows: Sequence[Race]) -> None:
    """Print a line for each problem and arm: medians over seeds."""
    OUT.print(
        f"\n{'problem':<32}{'search':<16}{'cost':>8}{'spread':>16}{'at 40 %':>9}{'trials':>8}"
        f"{'whole':>7}{'left behind':>13}{'worth':>8}"
    )
    for problem, arm in dict.fromkeys((row.problem, row.arm) for row in rows):
        some = [row for row in rows if (row.problem, row.arm) == (problem, arm)]
        costs = sorted(float("inf") if row.cost is None else row.cost for row in some)
        behind = sum(row.left > 0 for row in some)
        OUT.print(
            f"{problem:<32}{arm:<16}{_share(median(costs)):>8}"
            f"{_share(costs[0]) + ' to ' + _share(costs[-1]):>16}"
            f"{median(row.at_goal for row in some):>9.3f}{median(row.trials for row in some):>8.0f}"
            f"{median(row.whole for row in some):>7.0f}"
            f"{f'{behind} of {len(some)} runs':>13}{max(row.left_gain for row in some):>8.2%}"
        )


def _share(cost: float) -> str:
    return "> 100 %" if cost == float("inf") else f"{cost:.0%}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run the races and print their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", default=",".join(REPORTED), help="names, comma between")
    parser.add_argument("--arms", default=",".join(ARMS), help="names, comma between")
    parser.add_argument("--seeds", type=int, default=5, help="how many, counted from 0")
    parser.add_argument("--evaluations", type=int, default=40, help="whole ones, for the target")
    parser.add_argument("--to", type=Path, required=True, help="folder for what was measured")
    parser.add_argument("--targets", type=Path, help="file with targets of earlier runs")
    chosen = parser.parse_args(arguments)
    chosen.to.mkdir(parents=True, exist_ok=True)
    file = chosen.to / "races.jsonl"
    rows = (
        [Race(**json.loads(line)) for line in file.read_text().splitlines()]
        if file.exists()
        else []
    )
    targets = Targets(chosen.targets or chosen.to / "targets.jsonl")
    problems, arms = chosen.problems.split(","), [each for each in chosen.arms.split(",") if each]
    known = {(row.problem, row.arm, row.seed) for row in rows}
    for seed, problem in product(range(chosen.seeds), problems):
        target = targets.of(problem, seed, chosen.evaluations)
        for arm in arms:
            if (problem, arm, seed) in known:
                continue
            row = race(
                problem,
                PROBLEMS[problem](),
                arm,
                seed,
                evaluations=chosen.evaluations,
                target=target,
            )
            rows.append(row)
            with file.open("a") as stream:
                stream.write(json.dumps(asdict(row)) + "\n")
            OUT.print(
                f"{row.problem} {row.arm} seed {row.seed}: "
                f"{'not reached' if row.cost is None else f'{row.cost:.0%} of the cost'}, "
                f"{row.trials} trials, {row.left} left behind worth {row.left_gain:.2%}"
            )
    print_table([row for row in rows if row.problem in problems])


if __name__ == "__main__":
    main()
