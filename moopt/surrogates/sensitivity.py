"""Which parameters matter? How much of the variance of an outcome goes when all others are known.

The total index of a parameter is the share of the variance that is left while everything else is
held: its own effect and its part in all interactions. It is the expected squared change, over two,
when this one parameter is drawn anew.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.surrogates.study_model import SEED, StudyModel

SAMPLES = 1024
"""Points at which each parameter is drawn anew; a power of two."""

FEWEST_PAIRS = 32
"""Points and redrawn ones within linear constraints, below which there is no telling."""

FLAT = 1e-12
"""Variance of an outcome, as a share of its square, below which it is constant."""


def total_indices(
    function: Callable[[Float[Tensor, "n k"]], Float[Tensor, "n o"]],
    rows: Float[Tensor, "n k"],
    others: Float[Tensor, "n k"],
    groups: list[list[int]],
    allowed: Callable[[Float[Tensor, "n k"]], Bool[Tensor, " n"]],
) -> Float[np.ndarray, "g o"]:
    """Return the total Sobol index of each group of columns, for each output of a function.

    Source: Jansen, "Analysis of variance designs for model output", Computer Physics Communications
    117 (1999).

    Args:
        function: Of points.
        rows: Independent points.
        others: As many more, from which columns are taken.
        groups: The columns that are drawn anew together.
        allowed: Which points are within what binds several columns; only pairs within count.

    Returns:
        Zero where an output is constant; NaN where a group cannot move on its own.
    """
    within = allowed(rows)
    here = function(rows)
    centred = here[within] - here[within].mean(dim=0)
    variance = centred.square().mean(dim=0)
    flat = variance <= FLAT * here[within].square().mean(dim=0).clamp_min(1e-300)
    indices = torch.full((len(groups), here.shape[1]), torch.nan, dtype=here.dtype)
    for row, columns in enumerate(groups):
        moved = rows.clone()
        moved[:, columns] = others[:, columns]
        pairs = within & allowed(moved)
        if int(pairs.sum()) < FEWEST_PAIRS:
            continue
        change = (function(moved[pairs]) - here[pairs]).square().mean(dim=0)
        indices[row] = torch.where(flat, 0.0, 0.5 * change / variance.where(~flat, 1.0))
    return np.asarray(indices.numpy())


def importances(model: StudyModel) -> Float[np.ndarray, "p k"]:
    """Return the total index of each parameter for each outcome, on the posterior median.

    Parameters are drawn as random search draws them, independently: a conditional one counts by how
    often it is active; all weights of a simplex are drawn anew together. Under linear constraints
    only moves of one parameter that stay within count.

    Args:
        model: Of the study.

    Returns:
        Rows in the order of the study's parameters, columns in that of `model.names`.
    """
    box = SearchBox(model.encoding)
    uniform = torch.quasirandom.SobolEngine(2 * box.design_width, scramble=True, seed=SEED)
    drawn = uniform.draw(SAMPLES, dtype=torch.float64)
    rows, others = (box.from_uniform(each) for each in drawn.chunk(2, dim=1))
    owner = box.parameter_of_columns()
    groups = [
        (owner == index).nonzero()[:, 0].tolist() for index in range(len(model.encoding.blocks))
    ]
    constrained, limits = box.constrained_columns(), model.encoding.repair.limits

    def allowed(rows: Tensor) -> Tensor:
        if limits is None:
            return torch.ones(len(rows), dtype=torch.bool)
        return torch.from_numpy(limits.hold(rows[:, constrained].numpy()))

    with torch.no_grad():
        return total_indices(
            lambda rows: model.typical(box.to_points(rows)), rows, others, groups, allowed
        )
