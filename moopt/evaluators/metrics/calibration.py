"""Whether a classifier is as often right as it says."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

BINS = 15


def calibration_error(
    confidences: Float[Tensor, " n"], right: Bool[Tensor, " n"], *, bins: int = BINS
) -> tuple[float, float]:
    """Return the expected calibration error and its standard error.

    Answers are sorted by confidence into bins of equal numbers; the error is the mean over answers
    of the distance between confidence and share of right answers in their bin. Noise makes every
    distance larger, so with few answers in a bin even a perfect classifier has an error: compare
    models on equally many examples.

    The standard error treats bins as given (linearisation). It is taken with two more right and two
    more wrong answers of average confidence, as for accuracy: a measurement on a sample is never
    exact.

    Source: Nixon, Dusenberry, Zhang, Jerfel and Tran, "Measuring calibration in deep learning",
    CVPR workshops (2019), for bins of equal numbers.

    Args:
        confidences: Probability that the model gives to the class that it names, for each example.
        right: Whether that class is the right one.
        bins: How many; at most as many as there are examples are used.
    """
    order = confidences.argsort(stable=True)
    gaps = (confidences.double() - right.double())[order]
    of_bins = gaps.tensor_split(min(bins, len(gaps)))
    signed = torch.cat([each * each.sum().sign() for each in of_bins])
    average = confidences.double().mean().item()
    more = torch.tensor([average, average, average - 1, average - 1]).double()
    spread = torch.cat([signed, more]).std(correction=0).item()
    return signed.mean().item(), spread / math.sqrt(len(gaps))
