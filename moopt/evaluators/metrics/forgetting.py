"""What a model has lost on a task that it could do before.

Both models are measured on the same examples, and the differences of each example are averaged.
What makes an example hard for both cancels, so that the standard error is smaller than that of a
difference of two means.
"""

import math

from jaxtyping import Bool, Float
from torch import Tensor


def forgetting(before: Float[Tensor, " n"], after: Float[Tensor, " n"]) -> tuple[float, float]:
    """Return by how much the mean score fell, and its standard error.

    Below 0: the model has become better at it.

    Args:
        before: Score of each example with the base model; larger is better. Of losses give the
            negative.
        after: Score of each of the same two or more examples with the model that is measured.
    """
    lost = before.double() - after.double()
    return lost.mean().item(), lost.std().item() / math.sqrt(len(lost))


def forgotten_share(before: Bool[Tensor, " n"], after: Bool[Tensor, " n"]) -> tuple[float, float]:
    """Return by how much the accuracy fell, and its standard error.

    The standard error is taken with two more examples, of which one model answers half right by
    itself, so that it is not 0 where both models answer alike: a measurement on a sample is never
    exact.

    Source: Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions", Statistics in Medicine 24 (2005).

    Args:
        before: Whether the base model answers each example right.
        after: Whether the model that is measured answers each of the same examples right.
    """
    count = len(before)
    lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
    # half an example more of each kind: both right, both wrong, lost, gained
    changed = (lost + gained + 1) / (count + 2)
    drift = (lost - gained) / (count + 2)
    return (lost - gained) / count, math.sqrt((changed - drift**2) / count)
