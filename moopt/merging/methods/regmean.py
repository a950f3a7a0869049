"""RegMean: the matrix whose outputs are nearest to those of every expert on its own data.

For linear layers only; every other tensor takes `weighted_average`, as in the paper.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods.weighted_average import shares

RIDGES = (1e-5, 1e-4, 1e-3)
"""What is added to the diagonal of a singular sum of Gram matrices, as shares of the diagonal.

The first that makes it regular is taken; rounding of large matrices may need more than the first.
"""

SINGULAR = 1e-6
"""Share of an input that the other inputs leave unexplained, below which they explain all of it.

It is the rounding of Gram matrices that are summed in float32.
"""


def regmean(
    experts: Sequence[Float[Tensor, "outputs inputs"]],
    grams: Sequence[Float[Tensor, "inputs inputs"]],
    weights: Sequence[float],
    *,
    off_diagonal: float,
) -> Float[Tensor, "outputs inputs"]:
    """Return `W` with `Wᵀ = (Σ lᵢ·Gᵢ)⁻¹ Σ lᵢ·Gᵢ·Wᵢᵀ` in the experts' dtype.

    It minimizes `Σ lᵢ ‖Xᵢ·Wᵀ − Xᵢ·Wᵢᵀ‖²` where `Gᵢ = Xᵢᵀ·Xᵢ`. Solved by Cholesky in float64. When
    the sum of the Gram matrices is singular, a ridge is added to each of them, so that directions
    that no data had take the weighted average. An expert of weight 0 is left out, so that one
    expert alone comes back bit for bit.

    Source: Jin et al., "Dataless knowledge fusion by merging weights of language models",
    ICLR 2023.

    Args:
        experts: W, the weight of one linear layer in each expert. Weights that are stored the other
            way round, as those of GPT-2 are, have to be transposed first.
        grams: G, of the layer's inputs in each expert, all divided by their rows or none.
        weights: l, how much each expert counts; only their ratios matter.
        off_diagonal: What the numbers off the diagonals are multiplied by, from 0 to 1. Values from
            0.1 to 0.95 are in use; at 0 each input is averaged by its mean square alone.

    Raises:
        MergeError: The weights are not one number of at least 0 for each expert, `off_diagonal` is
            not from 0 to 1, or a Gram matrix is none.
    """
    if not 0 <= off_diagonal <= 1:
        raise MergeError(f"off_diagonal must be from 0 to 1, got {off_diagonal}")
    chosen = [
        (expert, _shrunk(gram, off_diagonal, index), share)
        for index, (expert, gram, share) in enumerate(
            zip(experts, grams, shares(weights, len(experts)), strict=True)
        )
        if share > 0
    ]
    if len(chosen) == 1:
        return chosen[0][0].to(experts[0].dtype, copy=True)
    total = sum((share * gram for _, gram, share in chosen[1:]), chosen[0][2] * chosen[0][1])
    factor = _cholesky(total)
    if factor is None:
        ridge, factor = _ridged(total)
        chosen = [(expert, gram + ridge, share) for expert, gram, share in chosen]
    products = [share * (gram @ expert.double().T) for expert, gram, share in chosen]
    solved = torch.cholesky_solve(sum(products[1:], products[0]), factor)
    return solved.T.to(experts[0].dtype).contiguous()


def _shrunk(
    gram: Float[Tensor, "inputs inputs"], off_diagonal: float, index: int
) -> Float[Tensor, "inputs inputs"]:
    if not bool(torch.isfinite(gram).all()):
        raise MergeError(
            f"the Gram matrix of expert {index} holds non-finite numbers; compute it again, "
            "in float32"
        )
    wide = gram.double()
    return off_diagonal * wide + (1 - off_diagonal) * wide.diagonal().diag()


def _cholesky(gram: Float[Tensor, "inputs inputs"]) -> Float[Tensor, "inputs inputs"] | None:
    """Return the lower factor, or None for a matrix that is singular but for rounding."""
    factor, failed = torch.linalg.cholesky_ex(gram)
    unexplained = factor.diagonal().square() / gram.diagonal()
    return None if int(failed) or bool((unexplained < SINGULAR).any()) else factor


def _ridged(
    gram: Float[Tensor, "inputs inputs"],
) -> tuple[Float[Tensor, "inputs inputs"], Float[Tensor, "inputs inputs"]]:
    """Return the smallest ridge that makes a Gram matrix regular, and the factor of their sum."""
    # An input that was always 0 is on its own, and any ridge gives it the weighted average.
    scale = torch.where(gram.diagonal() > 0, gram.diagonal(), 1.0).diag()
    for share in RIDGES:
        factor, failed = torch.linalg.cholesky_ex(gram + share * scale)
        if not int(failed):
            return share * scale, factor
    raise MergeError(
        "the Gram matrices have no square root, so they are not the products of inputs with "
        "themselves; compute them again, in float32"
    )
