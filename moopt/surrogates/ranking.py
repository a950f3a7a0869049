"""Which of several models ranks measurements best? The weights of an ensemble.

Source: Feurer, Letham, Hutter and Bakshy, "Practical transfer learning for Bayesian optimization",
arXiv:1802.02219 (2018).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.gaussian_process import GaussianProcess

DRAWS = 256

TOO_WRONG = 0.5
"""Share of wrong pairs from which on a source is not listened to."""


def misranked(drawn: Float[Tensor, "s n"], values: Float[Tensor, " n"]) -> Float[Tensor, " s"]:
    """Return the share of pairs that each draw puts into another order than the values have.

    Of all n * n pairs: those of a value with itself are right, so that few measurements prove
    little against a source.
    """
    wrong = (drawn[:, :, None] < drawn[:, None, :]) ^ (values[:, None] < values)
    return wrong.to(values).mean(dim=(1, 2))


def rank_weights(rankings: Sequence[Float[Tensor, " s"]]) -> Float[Tensor, " m"]:
    """Return the weight of each source: how often it ranks best of those that are kept.

    The guard against negative transfer: a source whose median draw gets half of the pairs wrong is
    dropped. All weights are zero where none is kept.

    The paper drops sources that rank worse than the process which has learned from the measurements
    alone, and has that one among the models that are weighed. Here the kernel of the guide learns
    how much of it there is. On the development tables of `python -m moopt.benchmarks.transfer` the
    stricter rule saved less and guarded no better.

    Args:
        rankings: For each source, the share of pairs that each draw gets wrong.
    """
    losses = torch.stack(list(rankings))
    best = (losses == losses.min(dim=0).values).to(losses)
    weights: Tensor = (best / best.sum(dim=0)).mean(dim=1)
    dropped = losses.median(dim=1).values >= TOO_WRONG
    return torch.where(dropped, 0.0, weights)


def posterior_draws(
    process: GaussianProcess, points: Float[Tensor, "n d"], count: int, seed: int
) -> Float[Tensor, "s n"]:
    """Return joint draws of the standardized function at points."""
    generator = torch.Generator().manual_seed(seed)
    normals = torch.randn(count, len(points), generator=generator, dtype=torch.float64)
    return process.sample(points, normals)
