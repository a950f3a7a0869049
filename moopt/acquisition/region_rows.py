"""Where candidates of a trust region come from: its best points, changed in some columns."""

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.kernels import Stationary
from moopt.surrogates.outcomes import Outcomes

CHANGED = 20
"""Columns that are changed on average: in all of a hundred no step would stay near what is good."""


def rows_in_region(
    box: SearchBox,
    centres: Float[Tensor, "b d"],
    widths: Float[Tensor, " k"],
    count: int,
    *,
    seed: int,
) -> Float[Tensor, "count k"]:
    """Return rows that differ from one of the centres in some columns.

    A number moves within a box around the centre; what has no distances is drawn afresh.

    Source: Regis and Shoemaker, "Combining radial basis function surrogates and dynamic coordinate
    search in high-dimensional expensive black-box optimization", Engineering Optimization (2013);
    Eriksson, Pearce, Gardner, Turner and Poloczek, "Scalable global optimization via local
    Bayesian optimization", NeurIPS (2019).

    Args:
        box: The space.
        centres: Points; half of the rows begin at the first one.
        widths: Of the box around the first centre, by column.
        count: How many rows.
        seed: Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed % 2**31)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    begins = box.from_points(centres)
    index = (uniform(count) * len(begins)).long()
    index[uniform(count) < 0.5] = 0
    rows, smooth = begins[index], box.smooth()
    low, high = (begins[0] - widths / 2).clamp(0, 1), (begins[0] + widths / 2).clamp(0, 1)
    spread = low + (high - low) * uniform(count, box.width)
    # Another centre is changed around where it is, as far as the region reaches.
    moved = torch.where(
        (index == 0)[:, None], spread, (rows + (spread - (low + high) / 2)).clamp(0, 1)
    )
    owner = box.parameter_of_columns()
    parameters = len(box.encoding.blocks)
    rates = min(1.0, 2 * CHANGED / parameters) * uniform(count, 1)
    changed = uniform(count, parameters) < rates
    changed[torch.arange(count), (uniform(count) * parameters).long()] = True
    changed_columns = changed[:, owner]
    rows = torch.where(smooth & changed_columns, moved, rows)
    if not smooth.all():
        redrawn = changed_columns & (uniform(count, parameters) < 0.5)[:, owner]
        rows = torch.where(~smooth & redrawn, box.sobol(count, seed=seed % 2**31), rows)
    return box.within(rows)


def relative_widths(box: SearchBox, outcomes: Outcomes) -> Float[Tensor, " k"]:
    """Return how much longer than others a region is in each column: where outcomes are smoother.

    Their geometric mean is one. All are one where columns have no lengthscales of their own.
    """
    logs = [
        each.kernel_theta
        for each in outcomes.surrogates[: len(outcomes.data.names)]
        if isinstance(each, GaussianProcess)
        and isinstance(each.kernel, Stationary)
        and each.features.plain
    ]
    if not logs or box.width != box.encoding.width or len(logs[0]) != box.width:
        return torch.ones(box.width, dtype=torch.float64)
    mean = torch.stack(logs).mean(dim=0)
    return (mean - mean.mean()).exp()
