"""What outcomes are expected to be at points, as measured, and the chance to meet all limits."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.acquisition.feasibility import log_probability_of_feasibility
from moopt.encoding.contexts import Contexts
from moopt.encoding.training_data import Limit
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, Surrogate

LIKELY_FEASIBLE = 0.5
"""A point may be recommended if it meets all limits with so large a probability."""

NARROWEST = 1e-9
"""Least standard deviation: the probability of a limit has a slope."""


def measured_moments(
    surrogates: Sequence[Surrogate],
    points: Float[Tensor, "r d"],
    contexts: Contexts | None = None,
) -> tuple[list[Float[Tensor, "r 1"]], list[Float[Tensor, "r 1"]]]:
    """Return mean and standard deviation of outcomes, one column each; differentiable.

    With contexts they are those of the mean over contexts, and the deviation is the largest that it
    can be: as if outcomes went together in all of them.
    """
    if contexts is None:
        return _at_points(surrogates, points)
    everywhere = contexts.over(points)
    means, deviations = _at_points(surrogates, everywhere.reshape(-1, points.shape[1]))
    weights = contexts.weights[:, None]
    means = [each.reshape(len(points), -1) @ weights for each in means]
    return means, [each.reshape(len(points), -1) @ weights for each in deviations]


def log_chance(
    surrogates: Sequence[Surrogate],
    limits: Sequence[Limit],
    points: Float[Tensor, "r d"],
    contexts: Contexts | None = None,
) -> Float[Tensor, " r"]:
    """Return the log probability that points meet all limits, weighted; differentiable."""
    if not limits:
        return points.new_zeros(len(points))
    means, deviations = measured_moments(surrogates, points, contexts)
    total = log_probability_of_feasibility(limits, means, deviations)
    return torch.as_tensor(total)[:, 0]


def likely_feasible(
    outcomes: Outcomes, points: Float[Tensor, "n d"], contexts: Contexts | None = None
) -> Bool[Tensor, " n"]:
    """Say which points probably meet all limits, with contexts in the mean over them."""
    plain = [Limit(each.outcome, each.sign, each.bound) for each in outcomes.data.limits]
    with torch.no_grad():
        chance = log_chance(outcomes.surrogates, plain, points, contexts).exp()
    return chance >= LIKELY_FEASIBLE


def _at_points(
    surrogates: Sequence[Surrogate], points: Float[Tensor, "r d"]
) -> tuple[list[Float[Tensor, "r 1"]], list[Float[Tensor, "r 1"]]]:
    means, deviations = [], []
    for each in surrogates:
        if isinstance(each, Formula):
            mean, deviation = each(points)
        else:
            standard, spread = each.marginals(points)
            moments = each.moments(standard, spread.clamp_min(NARROWEST))
            mean, deviation = (part[:, None] for part in moments)
        means.append(mean)
        deviations.append(deviation.clamp_min(NARROWEST))
    return means, deviations
