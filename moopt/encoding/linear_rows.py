"""Linear constraints as inequalities over the columns of the search box."""

import torch
from torch import Tensor

from moopt.encoding.columns import bin_count
from moopt.encoding.search_box import SearchBox
from moopt.study.parameters import Continuous, Integer


def box_inequalities(box: SearchBox) -> list[tuple[Tensor, Tensor, float]]:
    """Return each limit as (columns, coefficients, bound): coefficients · columns >= bound.

    The limits hold for relaxed whole numbers; decoding makes them hold for rounded ones.
    """
    rows: list[tuple[Tensor, Tensor, float]] = []
    affine = _affine_columns(box)
    for constraint in box.encoding.study.linear_constraints:
        names = list(constraint.coefficients)
        factors = torch.tensor(list(constraint.coefficients.values()), dtype=torch.float64)
        columns = torch.tensor([affine[name][0] for name in names])
        offsets = torch.tensor([affine[name][1] for name in names], dtype=torch.float64)
        slopes = torch.tensor([affine[name][2] for name in names], dtype=torch.float64)
        constant = float(factors @ offsets)
        if constraint.at_least is not None:
            rows.append((columns, factors * slopes, constraint.at_least - constant))
        if constraint.at_most is not None:
            rows.append((columns, -factors * slopes, constant - constraint.at_most))
    return rows


def _affine_columns(box: SearchBox) -> dict[str, tuple[int, float, float]]:
    """Return (column, value at 0, value at 1 minus value at 0) of parameters on a linear scale."""
    affine: dict[str, tuple[int, float, float]] = {}
    for column, block in zip(box.starts(), box.encoding.blocks, strict=True):
        match block.parameter:
            case Continuous(name=name, low=low, high=high, log=False):
                affine[name] = (column, low, high - low)
            case Integer(name=name, low=low, step=step, log=False) as integer:
                affine[name] = (column, low - step / 2, float(step * bin_count(integer)))
            case _:
                continue
    return affine
