"""Tables of real trainings as problems: fifteen, with exact fronts and the noise of real seeds.

Sizes, times and latencies are searched and scored in powers of ten. So are losses of which the
90th percentile is more than ten times the 10th: all of HPOLib's but that of `protein`. What a
search sees is what one of the seeds gave, chosen at random; the truth is the mean of all. The
hypervolume starts at the 90th percentile of each objective.
"""

import numpy as np

from moopt.benchmarks.hpo_tables import hpo_table
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.tabulated import tabulated
from moopt.study.objectives import Maximize, Minimize

HPOLIB = {
    "naval": ("naval_propulsion", "train_time"),
    "parkinsons": ("parkinsons_telemonitoring", "model_size"),
    "protein": ("protein_structure", "model_size"),
    "slice": ("slice_localization", "train_time"),
}
"""The data set and the cost that is weighed against the loss, by short name."""

LOGARITHMIC = {"train_time", "model_size", "latency"}
WIDE = 10.0
"""Ratio of percentiles above which a loss is taken in powers of ten."""


def hpolib(name: str, *, alike: bool = False) -> Problem:
    """Return a fully connected network: the loss against its size or the time of its training.

    Args:
        name: A key of `HPOLIB`.
        alike: Take the outcomes that suit all four: the loss in powers of ten against the time.

    Source: Klein and Hutter, "Tabular benchmarks for joint architecture and hyperparameter
    optimization", arXiv:1905.04970 (2019).
    """
    dataset, cost = HPOLIB[name]
    if alike:
        measured = ("val_loss", "train_time")
        return _problem(f"hpolib_{name}_alike", "hpolib", dataset, measured, all_wide=True)
    return _problem(f"hpolib_{name}", "hpolib", dataset, ("val_loss", cost))


def hpobench(dataset: str) -> Problem:
    """Return a fully connected network: the accuracy against the time of its training.

    Source: Eggensperger, Müller, Mallik, Feurer, Sass, Klein, Awad, Lindauer and Hutter, "HPOBench:
    a collection of reproducible multi-fidelity benchmark problems for HPO", NeurIPS (2021).
    """
    return _problem(f"hpobench_{dataset}", "hpobench", dataset, ("val_acc", "train_time"))


def nas_bench_201(dataset: str) -> Problem:
    """Return cells of convolutional networks: the accuracy against the latency.

    Source: Dong and Yang, "NAS-Bench-201: extending the scope of reproducible neural architecture
    search", ICLR (2020).
    """
    return _problem(f"nas201_{dataset}", "nasbench201", dataset, ("val_acc", "latency"))


def _problem(
    name: str, collection: str, dataset: str, measured: tuple[str, ...], *, all_wide: bool = False
) -> Problem:
    table = hpo_table(collection, dataset)
    directions, columns = {}, []
    for each in measured:
        rows = table.columns[each]
        low, high = np.nanquantile(np.nanmean(rows, axis=1), [0.1, 0.9])
        wide = all_wide or high > WIDE * low
        in_powers = each in LOGARITHMIC or (each == "val_loss" and wide)
        directions[f"log10_{each}" if in_powers else each] = (
            Maximize if each == "val_acc" else Minimize
        )
        columns.append(np.log10(rows) if in_powers else rows)
    return tabulated(name, table.parameters, directions, np.stack(columns, axis=2))
