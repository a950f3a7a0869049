"""How likely a candidate is to meet every limit."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.training_data import Limit


def log_probability_of_feasibility(
    limits: Sequence[Limit],
    means: Sequence[Float[Tensor, "r s"]],
    deviations: Sequence[Float[Tensor, "r s"]],
) -> Float[Tensor, "r s"] | float:
    """Return the log probability that independent normal outcomes meet all limits, weighted.

    Args:
        limits: Each on one outcome.
        means: By outcome.
        deviations: By outcome.
    """
    total: Tensor | float = 0.0
    for limit in limits:
        room = limit.bound - limit.sign * means[limit.outcome]
        log_probability = torch.special.log_ndtr(room / deviations[limit.outcome])
        total = total + limit.weight * log_probability
    return total
