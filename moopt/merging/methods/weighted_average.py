"""Weighted average: what methods with a statistic fall back to, and the weights they all take."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError


def weighted_average(
    experts: Sequence[Float[Tensor, "*shape"]], weights: Sequence[float]
) -> Float[Tensor, "*shape"]:
    """Return `Σ weights[i] · experts[i] / Σ weights[i]` in the experts' dtype.

    Sums are in float32 and rounded once, at the end. An expert of weight 0 is left out, so that one
    expert alone comes back bit for bit.

    Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time", ICML 2022.

    Args:
        experts: The same tensor of each expert.
        weights: How much each expert counts; only their ratios matter.

    Raises:
        MergeError: The weights are not one number of at least 0 for each expert, with some above 0.
    """
    merged, *others = [
        share * expert.float()
        for expert, share in zip(experts, shares(weights, len(experts)), strict=True)
        if share > 0
    ]
    for term in others:
        merged = merged + term
    return merged.to(experts[0].dtype)


def shares(weights: Sequence[float], count: int) -> list[float]:
    """Return weights divided by their sum.

    Args:
        weights: How much each expert counts.
        count: How many experts there are.

    Raises:
        MergeError: The weights are not one number of at least 0 for each expert, with some above 0.
    """
    fitting = len(weights) == count and all(
        math.isfinite(weight) and weight >= 0 for weight in weights
    )
    largest = max(weights, default=0.0)
    if not fitting or largest == 0:
        raise MergeError(
            f"expected a finite weight of at least 0 for each of {count} experts, not all of them "
            f"0, got {list(weights)}; an expert is left out by the weight 0"
        )
    scaled = [weight / largest for weight in weights]  # the sum of large weights may overflow
    total = sum(scaled)
    return [weight / total for weight in scaled]
