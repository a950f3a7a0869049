"""How surprised a classifier is by the right classes."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def cross_entropy(
    logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]
) -> tuple[float, float]:
    """Return the mean loss of an example in nats and its standard error.

    Args:
        logits: Log-probabilities of the classes, up to a constant for each of two or more examples.
        labels: Right class of each example.
    """
    losses = functional.cross_entropy(logits.double(), labels, reduction="none")
    return losses.mean().item(), torch.std(losses).item() / math.sqrt(len(losses))
