"""SMAC3, asked and told by lines.

Its facade for hyperparameter optimization, with ParEGO for several objectives as its documentation
has it; all but the seed is at its default. Conditions are conditions. A failed trial is CRASHED, at
a cost of the worst that was seen.
"""

import tempfile
from collections.abc import Mapping
from typing import Any, SupportsFloat

from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    Float,
    InCondition,
    Integer,
)
from ConfigSpace.hyperparameters import Hyperparameter
from smac import HyperparameterOptimizationFacade, Scenario
from smac.multi_objective.parego import ParEGO
from smac.runhistory import StatusType, TrialInfo, TrialValue

from moopt.benchmarks.apart.lines import ExhaustedError, Number, Task, serve, worst


class SmacPeer:
    """A facade of SMAC's."""

    def __init__(self, task: Task) -> None:
        """Start with no trials."""
        self._space = _space(task)
        self._kept = tempfile.TemporaryDirectory()
        scenario = Scenario(
            self._space,
            deterministic=True,
            objectives=[f"y{place}" for place in range(task.objectives)],
            seed=task.seed,
            output_directory=self._kept.name,
        )
        facade = HyperparameterOptimizationFacade
        more: dict[str, Any] = {}
        if task.objectives > 1:
            more["multi_objective_algorithm"] = ParEGO(scenario)
        if task.initial_trials is not None:
            more["initial_design"] = facade.get_initial_design(
                scenario, n_configs=task.initial_trials
            )
        self._facade = facade(scenario, None, logging_level=False, overwrite=True, **more)
        self._asked: dict[int, TrialInfo] = {}
        self._known: list[list[float]] = []

    def ask(self, number: int) -> Mapping[str, float]:
        """Return the values of a new proposal."""
        try:
            info = self._facade.ask()
        except StopIteration as error:
            raise ExhaustedError from error
        self._asked[number] = info
        return {name: _plain(value) for name, value in dict(info.config).items()}

    def tell(self, number: int, losses: list[float] | None, excesses: list[float]) -> None:
        """Learn what came of a proposal."""
        del excesses
        self._tell(self._asked.pop(number), losses)

    def attach(
        self, values: Mapping[str, float], losses: list[float] | None, excesses: list[float]
    ) -> None:
        """Learn of a trial that somebody else proposed."""
        del excesses
        self._tell(TrialInfo(Configuration(self._space, values=dict(values)), seed=0), losses)

    def _tell(self, info: TrialInfo, losses: list[float] | None) -> None:
        cost = losses if losses is not None else worst(self._known)
        if losses is not None:
            self._known.append(losses)
        if cost is None:
            # Where nothing was measured, nothing is worst.
            cost = [1.0] * self._facade.scenario.count_objectives()
        status = StatusType.CRASHED if losses is None else StatusType.SUCCESS
        told = cost if len(cost) > 1 else cost[0]
        self._facade.tell(info, TrialValue(cost=told, status=status), save=False)


def _space(task: Task) -> ConfigurationSpace:
    space = ConfigurationSpace(seed=task.seed)
    made = {each.name: _hyperparameter(each) for each in task.numbers}
    space.add(*made.values())
    space.add(
        *(
            InCondition(made[each.name], made[each.parent], list(each.parent_values))
            for each in task.numbers
            if each.parent is not None
        )
    )
    return space


def _hyperparameter(number: Number) -> Hyperparameter:
    ends = number.low, number.high
    match number.kind:
        case "real":
            return Float(number.name, ends, log=number.log)
        case "whole":
            return Integer(number.name, (int(ends[0]), int(ends[1])), log=number.log)
        case _:
            return Categorical(number.name, list(range(int(ends[1]) + 1)))


def _plain(value: SupportsFloat) -> float:
    return value if isinstance(value, int) else float(value)


if __name__ == "__main__":
    serve(SmacPeer)
