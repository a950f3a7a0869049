"""A simplex in the search box: sticks, and where the number of parts is limited, which are used."""

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.weights import usable_parts
from moopt.study.simplex import Simplex


def is_limited(simplex: Simplex) -> bool:
    """Say whether not all parts may be in use at once."""
    return simplex.usable < len(simplex.parts)


def masks(simplex: Simplex, keys: Float[Tensor, "n parts"]) -> Float[Tensor, "n parts"]:
    """Return 1 for the parts that are in use where the largest keys are preferred, else 0."""
    used = torch.zeros_like(keys)
    if not is_limited(simplex):
        return used + 1.0
    for row, preference in enumerate(keys.tolist()):
        used[row, list(usable_parts(simplex, preference))] = 1.0
    return used


def weight_bounds(
    simplex: Simplex, mask: Float[Tensor, "*batch parts"]
) -> tuple[Float[Tensor, "*batch parts"], Float[Tensor, "*batch parts"]]:
    """Return the smallest and largest weight of each part, 0 for one that is not in use."""
    limits = torch.tensor(simplex.bounds, dtype=mask.dtype)
    return limits[:, 0] * mask, limits[:, 1] * mask


def sticks_and_bounds(
    simplex: Simplex, part: Float[Tensor, "*batch w"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the columns of a simplex apart: its sticks, smallest and largest weights."""
    count = len(simplex.parts)
    sticks = part[..., : count - 1]
    shape = (*part.shape[:-1], count)
    mask = part[..., count - 1 :].detach() if is_limited(simplex) else part.new_ones(shape)
    return sticks, *weight_bounds(simplex, mask)
