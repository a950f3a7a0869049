"""NePS, asked and told by lines.

Its Bayesian optimization, which takes up qLogNEHVI for several objectives; all at its default, with
the study's reference point. Several losses are told negated: of several objectives that acquisition
function looks for the largest values (NePS 0.17), of one for the smallest. Its space has no
conditions: a value that does not count is ignored. A failed trial is told as the worst that was
seen of each objective (`objective_value_on_error`), for NePS breaks off at a crash among several
objectives.
"""

import random
from collections.abc import Mapping
from typing import Any

import neps
import numpy as np
import torch
from neps.optimizers.algorithms import bayesian_optimization

from moopt.benchmarks.apart.lines import Number, Task, serve, worst


class NepsPeer:
    """NePS's ask and tell."""

    def __init__(self, task: Task) -> None:
        """Start with no trials."""
        torch.set_num_threads(1)
        random.seed(task.seed)
        np.random.seed(task.seed)
        torch.manual_seed(task.seed)
        space = neps.SearchSpace({each.name: _parameter(each) for each in task.numbers})
        initial = "ndim" if task.initial_trials is None else task.initial_trials
        reference = None
        if task.reference is not None and task.objectives > 1:
            reference = tuple(-each for each in task.reference)
        self._search = neps.AskAndTell(
            bayesian_optimization(space, initial_design_size=initial, reference_point=reference)
        )
        self._asked: dict[int, Any] = {}
        self._middles = {each.name: _middle(each) for each in task.numbers}
        self._known: list[list[float]] = []
        self._attached = 0

    def ask(self, number: int) -> Mapping[str, float]:
        """Return the values of a new proposal."""
        self._asked[number] = self._search.ask()
        values = self._asked[number].config
        return {name: float(value) for name, value in values.items()}

    def tell(self, number: int, losses: list[float] | None, excesses: list[float]) -> None:
        """Learn what came of a proposal."""
        del excesses
        trial, told = self._asked.pop(number), self._told(losses)
        if told is None:
            # Nothing was measured yet that could stand for a failure.
            del self._search.trials[trial.id]
        else:
            self._search.tell(trial, {"objective_to_minimize": told})

    def attach(
        self, values: Mapping[str, float], losses: list[float] | None, excesses: list[float]
    ) -> None:
        """Learn of a trial that somebody else proposed."""
        del excesses
        told = self._told(losses)
        if told is not None:
            # NePS counts its trials by their names, which are numbers.
            name = str(1 + max((int(each) for each in self._search.trials), default=0))
            self._search.tell_custom(
                config_id=name,
                config={**self._middles, **values},
                result={"objective_to_minimize": told},
            )

    def _told(self, losses: list[float] | None) -> list[float] | float | None:
        if losses is not None:
            self._known.append(losses)
        told = losses if losses is not None else worst(self._known)
        if told is None:
            return None
        return told[0] if len(told) == 1 else [-each for each in told]


def _parameter(number: Number) -> neps.HPOFloat | neps.HPOInteger | neps.HPOCategorical:
    match number.kind:
        case "real":
            return neps.HPOFloat(number.low, number.high, log=number.log)
        case "whole":
            return neps.HPOInteger(int(number.low), int(number.high), log=number.log)
        case _:
            return neps.HPOCategorical(list(range(int(number.high) + 1)))


def _middle(number: Number) -> float:
    match number.kind:
        case "real":
            return (number.low + number.high) / 2
        case "whole":
            return round((number.low + number.high) / 2)
        case _:
            return 0


if __name__ == "__main__":
    serve(NepsPeer)
