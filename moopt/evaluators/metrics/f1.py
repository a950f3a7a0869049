"""Harmonic mean of precision and recall: for classes of which one is rare.

F1 of a class is a ratio of two sums over examples, twice the hits over all namings of the class,
predicted and right ones. Its standard error is that of a ratio, by linearisation. It is taken at
what two more right and two more wrong answers would give, as for accuracy: a measurement on a
sample is never exact.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

_MORE = 4
"""Answers that are added for the standard error, half of them right."""


def f1(
    predicted: Int[Tensor, " n"], labels: Int[Tensor, " n"], *, positive: int = 1
) -> tuple[float, float]:
    """Return F1 of one of two classes and its standard error.

    It is 0 where the class is neither predicted nor right.

    Source: Cochran, "Sampling Techniques", 3rd edition (1977), section 2.11.

    Args:
        predicted: Class of each example.
        labels: Right class of each example.
        positive: The class that is sought; all others are the other one.
    """
    hits = 2.0 * ((predicted == positive) & (labels == positive))
    namings = 1.0 * (predicted == positive) + 1.0 * (labels == positive)
    # one answer more of each kind: both right ones, one alarm too many, one too few
    more_hits, more_namings = torch.tensor([2.0, 0, 0, 0]), torch.tensor([2.0, 0, 1, 1])
    return _mean_ratio(
        hits[:, None], namings[:, None], more_hits[:, None], more_namings[:, None], torch.ones(4)
    )


def macro_f1(predicted: Int[Tensor, " n"], labels: Int[Tensor, " n"]) -> tuple[float, float]:
    """Return the mean of F1 over the classes that occur, and its standard error.

    A class occurs that is predicted or right somewhere.

    Source: Cochran, "Sampling Techniques", 3rd edition (1977), section 2.11.

    Args:
        predicted: Class of each example.
        labels: Right class of each example.
    """
    found, numbers = torch.cat([predicted, labels]).unique(return_inverse=True)
    said, right = (one_hot(each, len(found)).double() for each in numbers.tensor_split(2))
    each_class = torch.eye(len(found)).double()
    wrong = each_class + each_class.roll(1, dims=0)  # one class named where the next is right
    nothing = torch.zeros_like(wrong)
    return _mean_ratio(
        2 * said * right,
        said + right,
        torch.cat([2 * each_class, nothing]),
        torch.cat([2 * each_class, wrong]),
        torch.full((2 * len(found),), _MORE / (2 * len(found))),
    )


def _mean_ratio(
    hits: Float[Tensor, "n c"],
    namings: Float[Tensor, "n c"],
    more_hits: Float[Tensor, "k c"],
    more_namings: Float[Tensor, "k c"],
    weights: Float[Tensor, " k"],
) -> tuple[float, float]:
    """Return the mean over columns of the ratio of sums, and its standard error over rows.

    Args:
        hits: Numerators.
        namings: Denominators.
        more_hits: Numerators of rows that are added for the standard error.
        more_namings: Denominators of these.
        weights: How many rows each of these stands for.
    """
    hits, namings = hits.double(), namings.double()
    value = (hits.sum(dim=0) / namings.sum(dim=0).clamp(min=1)).mean().item()
    all_weights = torch.cat([torch.ones(len(hits)), weights]).double()
    all_hits = torch.cat([hits, more_hits.double()])
    all_namings = torch.cat([namings, more_namings.double()])
    sums = all_weights @ all_namings
    ratios = all_weights @ all_hits / sums
    count = all_weights.sum()
    # what one row more would move the mean ratio by, times the number of rows
    influence = (count * (all_hits - ratios * all_namings) / sums).mean(dim=1)
    variance = (all_weights @ influence.square() / count).item()
    return value, math.sqrt(variance / len(hits))
