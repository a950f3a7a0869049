"""Which of several models ranks measurements best? The weights of an ensemble.

Source: Feurer, Letham, Hutter and Bakshy, "Practical transfer learning for Bayesian optimization",
arXiv:1802.02219 (2018).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.marginal_likelihood import leave_one_out

DRAWS = 256


def misranked(drawn: Float[Tensor, "s n"], values: Float[Tensor, " n"]) -> Float[Tensor, " s"]:
    """Return the share of pairs that each draw puts into another order than the values have."""
    ours = drawn[:, :, None] < drawn[:, None, :]
    return _share(ours, values)


def misranked_left_out(process: GaussianProcess, count: int, seed: int) -> Float[Tensor, " s"]:
    """Return the same of draws of each observation from a process that lacks that one.

    Args:
        process: Each of its observations is drawn, and compared with the others as they are.
        count: Number of draws, s.
        seed: Of the draws.
    """
    observations = process.likelihood.observations
    values = observations.values
    errors, variances = leave_one_out(process.factor, values - process.constant)
    latent = (variances - process.likelihood.noise(process.theta)).clamp_min(0.0)
    drawn = values - errors + latent.sqrt() * _normals(count, len(values), seed)
    return _share(drawn[:, :, None] < values, values)


def rank_weights(
    rankings: Sequence[Float[Tensor, " s"]], own: Float[Tensor, " s"], seed: int
) -> Float[Tensor, " m"]:
    """Return the weight of each source: how often it ranks best of those that are kept.

    The guard against negative transfer: a source is dropped with a probability, which is by how
    much more often it ranks worse than the model that has learned from these measurements alone,
    than better. All weights are zero where none is kept.

    Args:
        rankings: For each source, the share of pairs that each draw gets wrong.
        own: The same of the model that has learned from these measurements alone.
        seed: Of what is dropped.
    """
    losses = torch.stack(list(rankings))
    worse = (losses > own).to(losses) - (losses < own).to(losses)
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(len(losses), generator=generator, dtype=losses.dtype)
    dropped = draws < worse.mean(dim=1)
    if bool(dropped.all()):
        return torch.zeros_like(draws)
    losses[dropped] = torch.inf
    best = (losses == losses.min(dim=0).values).to(losses)
    weights: Tensor = (best / best.sum(dim=0)).mean(dim=1)
    return weights


def posterior_draws(
    process: GaussianProcess, points: Float[Tensor, "n d"], count: int, seed: int
) -> Float[Tensor, "s n"]:
    """Return joint draws of the standardized function at points."""
    return process.sample(points, _normals(count, len(points), seed))


def _normals(count: int, width: int, seed: int) -> Float[Tensor, "count width"]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator, dtype=torch.float64)


def _share(ours: Tensor, values: Float[Tensor, " n"]) -> Float[Tensor, " s"]:
    wrong = ours ^ (values[:, None] < values)
    wrong.diagonal(dim1=1, dim2=2).zero_()
    share: Tensor = wrong.to(values).sum(dim=(1, 2)) / max(len(values) * (len(values) - 1), 1)
    return share
