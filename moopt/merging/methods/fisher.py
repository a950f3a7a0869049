"""Fisher-weighted averaging: each number of an expert counts as much as the expert is sure of it.

The size of squared gradients says more about an expert's loss than about its parameters. So the
Fisher is first divided by its norm over the whole model, as `moopt.merging.diagonal_fisher` does,
then floored: where no expert has a gradient, as in the embeddings of words that no text had, the
floor makes the plain average of it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.weighted_average import shares

FLOOR = 1e-6
"""Smallest Fisher that a number has after normalization, the default of the paper's program.

There the floor comes before the normalization; after it, it means the same for every expert.
"""


def fisher_average(
    experts: Sequence[Float[Tensor, "*shape"]],
    fishers: Sequence[Float[Tensor, "*shape"]],
    weights: Sequence[float],
    *,
    floor: float = FLOOR,
) -> Float[Tensor, "*shape"]:
    """Return `Σ lᵢ·Fᵢ·θᵢ / Σ lᵢ·Fᵢ` in the experts' dtype, number by number.

    Sums are in float32 and rounded once, at the end. An expert of weight 0 is left out, so that one
    expert alone comes back bit for bit.

    Source: Matena and Raffel, "Merging models with Fisher-weighted averaging", NeurIPS 2022.

    Args:
        experts: θ, the same tensor of each expert.
        fishers: F, the diagonal Fisher information of each expert, divided by its norm.
        weights: l, how much each expert counts; only their ratios matter.
        floor: Smaller numbers of `fishers` are taken for it.

    Raises:
        MergeError: The weights are not one number of at least 0 for each expert, a Fisher has
            negative or non-finite numbers, or the floor is not above 0.
    """
    if not floor > 0:
        raise MergeError(f"the floor of Fisher information must be above 0, got {floor}")
    importances = []
    values = []
    for index, (expert, fisher, share) in enumerate(
        zip(experts, fishers, shares(weights, len(experts)), strict=True)
    ):
        if not bool((torch.isfinite(fisher) & (fisher >= 0)).all()):
            raise MergeError(
                f"the Fisher information of expert {index} holds negative or non-finite numbers; "
                "compute it again, in float32"
            )
        if share > 0:
            importances.append(share * fisher.float().clamp_min(floor))
            values.append(expert.float())
    total = sum(importances[1:], start=importances[0])
    # A lone expert has the quotient 1 exactly, and keeps its bits.
    terms = [
        value * (importance / total) for value, importance in zip(values, importances, strict=True)
    ]
    return sum(terms[1:], start=terms[0]).to(experts[0].dtype)
