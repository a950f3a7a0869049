"""Task arithmetic: add scaled task vectors to the base."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor


def task_arithmetic(
    base: Float[Tensor, "*shape"],
    task_vectors: Sequence[Float[Tensor, "*shape"]],
    coefficients: Sequence[float],
) -> Float[Tensor, "*shape"]:
    """Return `base + Σ coefficients[i] · task_vectors[i]` in the base's dtype.

    Sums are in float32 and rounded once, at the end. A coefficient of exactly 0 leaves its vector
    out, so that all zeros give the base bit for bit.

    Source: Ilharco et al., "Editing models with task arithmetic", ICLR 2023.

    Args:
        base: A tensor of the base model.
        task_vectors: The same tensor of each expert, minus the base.
        coefficients: One for each task vector.
    """
    merged = base.float()
    for vector, coefficient in zip(task_vectors, coefficients, strict=True):
        if coefficient != 0:
            merged = merged + coefficient * vector.float()
    return merged.to(base.dtype)
