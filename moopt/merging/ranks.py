"""Numbers by their rank, without sorting more than is needed."""

import torch
from jaxtyping import Float
from torch import Tensor


def ranked(numbers: Float[Tensor, " p"], rank: int) -> float:
    """Return the number with a rank, 0 for the smallest. The order of the numbers may change."""
    if numbers.device.type == "cpu":
        array = numbers.numpy()
        array.partition(rank)  # in place: a copy of a large tensor would not fit in bounded memory
        return float(array[rank])
    return float(torch.kthvalue(numbers, rank + 1).values)


def in_order(numbers: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
    """Return the numbers from smallest to largest, in the same memory on a CPU."""
    if numbers.device.type == "cpu":
        numbers.numpy().sort()  # PyTorch's own sort keeps the places too, and takes far longer
        return numbers
    return numbers.sort().values
