"""Share of examples whose most likely class is the right one."""

import math

from jaxtyping import Int
from torch import Tensor


def accuracy(predicted: Int[Tensor, " n"], labels: Int[Tensor, " n"]) -> tuple[float, float]:
    """Return the share of right answers and its standard error.

    The standard error is that of a share of `n` independent answers. It is taken at the share that
    two more right and two more wrong answers would give, so that it is not 0 when all answers are
    right: a surrogate must not believe that a measurement on a sample is exact.

    Source: Agresti and Coull, "Approximate is better than 'exact' for interval estimation of
    binomial proportions", The American Statistician 52 (1998).

    Args:
        predicted: Class of each example.
        labels: Right class of each example.
    """
    count = len(labels)
    right = int((predicted == labels).sum())
    likely = (right + 2) / (count + 4)
    return right / count, math.sqrt(likely * (1 - likely) / count)
