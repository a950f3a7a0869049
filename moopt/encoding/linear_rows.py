"""Linear constraints over the smooth columns of the search box, the other columns given."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.polytope import EXACT
from moopt.encoding.search_box import SearchBox

Row = tuple[Tensor, Tensor, float]
"""Columns, counted among the smooth ones, coefficients and a bound."""


@dataclass(frozen=True, slots=True)
class LinearRows:
    """What the gradient search has to keep to, in the form that BoTorch takes."""

    inequalities: list[Row]
    """coefficients · columns >= bound."""

    equalities: list[Row]
    """coefficients · columns = bound; none follows from the others."""


def limits_smooth_columns(box: SearchBox) -> bool:
    """Say whether a constraint bears on a column that a gradient may move."""
    return bool(box.smooth()[box.constrained_columns()].any())


def linear_rows(box: SearchBox, row: Float[Tensor, " k"]) -> LinearRows:
    """Return the constraints on the smooth columns of a row.

    They hold for relaxed whole numbers; decoding makes them hold for rounded ones.
    """
    limits = box.encoding.repair.limits
    if limits is None:
        return LinearRows([], [])
    constrained, smooth = box.constrained_columns(), box.smooth()
    known = (~smooth[constrained]).numpy()
    left = limits.polytope.given(known, row[constrained].numpy())
    if left is None:
        return LinearRows([], [])
    place = smooth.cumsum(0) - 1
    columns = place[constrained[smooth[constrained]]]
    inequalities: list[Row] = []
    equalities: list[Row] = []
    independent = np.empty((0, len(columns)))
    for factors, lower, upper in zip(left.rows, left.lower, left.upper, strict=True):
        slopes = torch.from_numpy(factors)
        if upper - lower > EXACT:
            if np.isfinite(lower):
                inequalities.append((columns, slopes, float(lower)))
            if np.isfinite(upper):
                inequalities.append((columns, -slopes, -float(upper)))
            continue
        more = np.vstack([independent, factors])
        if np.linalg.matrix_rank(more, tol=EXACT) == len(more):
            independent = more
            equalities.append((columns, slopes, float((lower + upper) / 2)))
    return LinearRows(inequalities, equalities)
