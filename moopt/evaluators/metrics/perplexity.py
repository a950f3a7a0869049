"""How surprising texts are to a language model.

Searched is the logarithm of perplexity, which is the mean loss of a token in nats. Over scaling
coefficients it is closer to a quadratic than perplexity, its exponential, so that a surrogate
predicts it better, and one broken merge does not dwarf all the others.
"""

import math

from jaxtyping import Float, Int
from torch import Tensor


def log_perplexity(losses: Float[Tensor, " n"], tokens: Int[Tensor, " n"]) -> tuple[float, float]:
    """Return the mean loss of a token and its standard error over texts.

    Tokens of one text depend on each other, so the texts are what was sampled: the mean is the
    ratio of two sums over texts, and the standard error is that of a ratio (by linearisation).

    Source: Cochran, "Sampling Techniques", 3rd edition (1977), section 2.11.

    Args:
        losses: Loss of each text in nats, summed over its tokens; two texts or more.
        tokens: How many tokens of each text were predicted.
    """
    count = len(losses)
    losses, lengths = losses.double(), tokens.double()
    mean = (losses.sum() / lengths.sum()).item()
    squares = (losses - mean * lengths).square().sum().item() / (count - 1)
    return mean, math.sqrt(squares * count) / lengths.sum().item()
