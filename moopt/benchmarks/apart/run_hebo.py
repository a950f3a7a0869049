"""HEBO, asked and told by lines.

`HEBO` for one objective, `GeneralBO` for several and for limits on outcomes; all at its default,
with the study's reference point where there are no limits, beside which it takes none. Its space
has no conditions: a value that does not count is ignored. It leaves out what is not a number: so a
failed trial is told. It does not know what is pending.
"""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.general import GeneralBO
from hebo.optimizers.hebo import HEBO

from moopt.benchmarks.apart.lines import Number, Task, serve


class HeboPeer:
    """An optimizer of HEBO's."""

    def __init__(self, task: Task) -> None:
        """Start with no trials."""
        torch.set_num_threads(1)
        random.seed(task.seed)
        np.random.seed(task.seed)
        torch.manual_seed(task.seed)
        self._count = task.objectives + task.limits
        space = DesignSpace().parse([_parameter(each) for each in task.numbers])
        if self._count == 1:
            self._optimizer = HEBO(space, rand_sample=task.initial_trials)
        else:
            is_known = task.reference is not None and task.limits == 0 and task.objectives > 1
            self._optimizer = GeneralBO(
                space,
                num_obj=task.objectives,
                num_constr=task.limits,
                rand_sample=task.initial_trials,
                ref_point=np.array(task.reference) if is_known else None,
            )
        self._asked: dict[int, Any] = {}
        self._middles = {each.name: _middle(each) for each in task.numbers}

    def ask(self, number: int) -> Mapping[str, float]:
        """Return the values of a new proposal."""
        proposed = self._optimizer.suggest(n_suggestions=1)
        self._asked[number] = proposed
        return {name: float(value) for name, value in proposed.iloc[0].items()}

    def tell(self, number: int, losses: list[float] | None, excesses: list[float]) -> None:
        """Learn what came of a proposal."""
        self._observe(self._asked.pop(number), losses, excesses)

    def attach(
        self, values: Mapping[str, float], losses: list[float] | None, excesses: list[float]
    ) -> None:
        """Learn of a trial that somebody else proposed."""
        self._observe(pd.DataFrame([{**self._middles, **values}]), losses, excesses)

    def _observe(
        self, point: pd.DataFrame, losses: list[float] | None, excesses: list[float]
    ) -> None:
        told = [float("nan")] * self._count if losses is None else [*losses, *excesses]
        if losses is None and not len(self._optimizer.X):
            return
        observe = getattr(self._optimizer, "observe_new_data", None) or self._optimizer.observe
        observe(point, np.array([told]))


def _parameter(number: Number) -> dict[str, Any]:
    kinds = {("real", False): "num", ("real", True): "pow"}
    kinds |= {("whole", False): "int", ("whole", True): "pow_int"}
    if number.kind == "pick":
        return {"name": number.name, "type": "cat", "categories": list(range(int(number.high) + 1))}
    kind = kinds[number.kind, number.log]
    return {"name": number.name, "type": kind, "lb": number.low, "ub": number.high}


def _middle(number: Number) -> float:
    match number.kind:
        case "real":
            return (number.low + number.high) / 2
        case "whole":
            return round((number.low + number.high) / 2)
        case _:
            return 0


if __name__ == "__main__":
    serve(HeboPeer)
