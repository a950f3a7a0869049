"""Conditional parameters: at which points do their columns count?"""

from collections.abc import Mapping
from typing import assert_never

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.columns import encode_value, snap_bins
from moopt.study.conditions import When
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex


def active_rows(
    condition: When, parameters: Mapping[str, Parameter], columns: Mapping[str, Tensor]
) -> Bool[Tensor, "*batch"]:
    """Say at which points a condition holds, and those of its parents too.

    Args:
        condition: What is asked.
        parameters: All parameters, by name.
        columns: The columns of all parameters, by name.
    """
    parent = parameters[condition.name]
    holds = _accepts(parent, condition, columns[condition.name])
    if parent.when is not None:
        holds = holds & active_rows(parent.when, parameters, columns)
    return holds


def _accepts(
    parent: Parameter, condition: When, columns: Float[Tensor, "*batch w"]
) -> Bool[Tensor, "*batch"]:
    match parent:
        case Categorical(choices=choices, ordered=False):
            wanted = torch.tensor([choice in condition.allowed for choice in choices])
            return wanted[columns.argmax(-1)]
        case Integer() | Categorical():
            here = snap_bins(parent, columns[..., 0].detach())
            accepted = torch.zeros_like(here, dtype=torch.bool)
            for value in condition.allowed:
                centre = here.new_tensor(encode_value(parent, value)[0])
                accepted |= torch.isclose(here, centre)
            return accepted
        case Continuous() | Simplex():
            raise TypeError(f"{parent.name!r} cannot carry a condition")
        case never:
            assert_never(never)
