"""Each candidate the best in a draw of its own: in one truth that may be, drawn jointly.

Draws differ where the models are unsure, so candidates of one batch spread by themselves and need
not be chosen one after the other: hundreds cost little more than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.acquisition.added_volume import added_volume, lead
from moopt.acquisition.beliefs import credible_trials, within_limits
from moopt.encoding.training_data import Limit
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes


def joint_draws(
    outcomes: Outcomes, points: Float[Tensor, "q d"], count: int, seed: int
) -> Float[Tensor, "count q k"]:
    """Draw all outcomes jointly at points, in the measured unit.

    Args:
        outcomes: What is believed of each.
        points: Where.
        count: Number of draws.
        seed: Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed % 2**31)
    values = []
    for surrogate in outcomes.surrogates:
        normals = torch.randn(count, len(points), generator=generator, dtype=torch.float64)
        if isinstance(surrogate, Formula):
            values.append(surrogate.compute(points)[:, 0].expand(count, -1))
        else:
            values.append(surrogate.measured(surrogate.sample(points, normals)))
    return torch.stack(values, dim=-1)


@dataclass(frozen=True, slots=True)
class Draws:
    """`s` joint draws at the trials that may be on the front and at a pool of `c` points."""

    known: Float[Tensor, "s r k"]
    """At completed trials that may be on the front, and at pending ones."""

    pool: Float[Tensor, "s c k"]
    known_feasible: Bool[Tensor, "s r"]
    pool_feasible: Bool[Tensor, "s c"]

    @classmethod
    def of(cls, outcomes: Outcomes, pool: Float[Tensor, "c d"], count: int, seed: int) -> "Draws":
        """Draw what may be true at a pool of points, together with the trials."""
        data = outcomes.data
        known = torch.cat([data.points[credible_trials(outcomes)], data.pending])
        values = joint_draws(outcomes, torch.cat([known, pool]), count, seed)
        feasible = within_limits(values, data.limits)
        here = len(known)
        return cls(values[:, :here], values[:, here:], feasible[:, :here], feasible[:, here:])


def best_in_own_draws(
    outcomes: Outcomes,
    pool: Float[Tensor, "c d"],
    count: int,
    seed: int,
    *,
    elsewhere: Float[Tensor, "e m"] | None = None,
) -> list[int]:
    """Return which points of a pool to try: each adds most to the front in a draw of its own.

    A point that was chosen counts as done in the draws after it. Where nothing adds to the front of
    a draw, the point is chosen that is nearest to it; where nothing keeps the limits, the one that
    breaks them least.

    Source: Renganathan and Carlson, "qPOTS: Efficient batch multiobjective Bayesian optimization
    via Pareto optimal Thompson sampling", AISTATS (2025), for points that are optimal in joint
    draws; here the one of largest hypervolume takes the place of maximin distances.

    Args:
        outcomes: What is believed.
        pool: What there is to choose from.
        count: How many are wanted; at most the size of the pool are returned.
        seed: Of the draws.
        elsewhere: Objectives of trials that these beliefs leave out and that may be on the front.
    """
    data = outcomes.data
    count = min(count, len(pool))
    draws = Draws.of(outcomes, pool, count, seed)
    objectives = slice(0, data.objective_count)
    chosen: list[int] = []
    for number in range(count):
        taken = torch.tensor(chosen, dtype=torch.long)
        front = torch.cat(
            [
                draws.known[number][draws.known_feasible[number]][:, objectives],
                draws.pool[number, taken][draws.pool_feasible[number, taken]][:, objectives],
                *([] if elsewhere is None else [elsewhere]),
            ]
        )
        worth = _worth(
            outcomes, draws.pool[number], draws.pool_feasible[number], front, seed + number
        )
        worth[taken] = -torch.inf
        chosen.append(int(worth.argmax()))
    return chosen


def _worth(
    outcomes: Outcomes,
    values: Float[Tensor, "c k"],
    feasible: Bool[Tensor, " c"],
    front: Float[Tensor, "f m"],
    seed: int,
) -> Float[Tensor, " c"]:
    """Return how good each point is if this draw is true: the largest is the best."""
    data = outcomes.data
    if not feasible.any():
        return -_violation(values, data.limits)
    aspiration, objectives = data.aspiration_point, values[:, : data.objective_count]
    # Where no trial has all objectives yet, nothing says where volume begins.
    unknown = data.reference_point.isnan()
    reference = torch.where(unknown, objectives.amin(dim=0) - 1.0, data.reference_point)
    best = front[(front > reference).all(dim=1)]
    gains = added_volume(objectives, best, reference, aspiration, seed)
    if not bool((gains[feasible] > 0).any()):
        gains = lead(objectives, best, reference)
    return torch.where(feasible, gains, -torch.inf)


def _violation(values: Float[Tensor, "c k"], limits: Sequence[Limit]) -> Float[Tensor, " c"]:
    """Return how far beyond its limits each point is, in units of the spread of outcomes."""
    total = values.new_zeros(len(values))
    for limit in limits:
        outcome = values[:, limit.outcome]
        beyond = (limit.sign * outcome - limit.bound).clamp_min(0.0)
        total = total + beyond / outcome.std(correction=0).clamp_min(1e-12)
    return total
