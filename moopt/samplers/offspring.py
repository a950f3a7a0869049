"""What children of trials need in spaces with discrete parameters."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.study.parameters import Continuous

CLOSE = 1e-9
"""Points of the cube nearer to each other than this are the same."""


def with_discrete_values(
    box: SearchBox, children: Float[np.ndarray, "c k"], random_state: np.random.Generator
) -> Float[Tensor, "c k"]:
    """Give every child discrete values, and some of them a neighbouring one.

    Crossover may leave no choice or two of them, between which chance decides. The mutation of
    columns is too small to reach another choice, so that discrete parameters need their own.
    """
    ties = random_state.random(children.shape) * (1e-6 * ~box.smooth().numpy())
    rows = box.snap(torch.from_numpy(children + ties))
    kinds = [type(block.parameter) for block in box.encoding.blocks]
    share = 1 - kinds.count(Continuous) / len(kinds)
    mutated = []
    for row, chance in zip(rows, random_state.random(len(rows)), strict=True):
        neighbours = box.neighbours(row)
        if len(neighbours) and chance < share:
            mutated.append(neighbours[int(random_state.integers(len(neighbours)))])
        else:
            mutated.append(row)
    return torch.stack(mutated)


def unlike(
    box: SearchBox, rows: Float[Tensor, "c k"], tried: Float[Tensor, "t d"]
) -> Float[Tensor, "u k"]:
    """Return the rows that were not tried, up to rounding."""
    near = (torch.cdist(box.to_points(rows), tried) < CLOSE).any(dim=1)
    return rows[~near]
