"""How well the group is served that is served worst."""

from jaxtyping import Int
from torch import Tensor

from moopt.evaluators.metrics.accuracy import accuracy


def worst_group_accuracy(
    predicted: Int[Tensor, " n"], labels: Int[Tensor, " n"], groups: Int[Tensor, " n"]
) -> tuple[float, float]:
    """Return the accuracy in the group with the lowest one, and its standard error.

    The lowest of several measured shares is lower than the lowest true one, the more so the smaller
    the groups: give each group enough examples. Of groups that are equally bad the smaller one
    gives the standard error. Other metrics: measure each group and take `aggregation.worst_case`.

    Source: Sagawa, Koh, Hashimoto and Liang, "Distributionally robust neural networks for group
    shifts", ICLR (2020).

    Args:
        predicted: Class of each example.
        labels: Right class of each example.
        groups: Group of each example.
    """
    of_groups = [
        accuracy(predicted[groups == group], labels[groups == group]) for group in groups.unique()
    ]
    return min(of_groups, key=lambda measured: (measured[0], -measured[1]))
