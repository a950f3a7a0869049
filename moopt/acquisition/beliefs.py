"""What may be true of all outcomes at once: joint draws where trials are, paths elsewhere."""

from dataclasses import dataclass

import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.training_data import Limit, TrainingData
from moopt.front.dominance import is_nondominated
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes
from moopt.surrogates.paths import Paths, paths_through

CREDIBLE = 3.0
"""How many standard deviations above its mean a value is still considered."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """`s` draws of all outcomes at the `q` trials that may matter, and paths through them."""

    values: Float[Tensor, "s q k"]
    """In the measured unit, larger is better."""

    feasible: Bool[Tensor, "s q"]
    paths: tuple[Paths, ...]
    """By outcome, through the draws on a front and at pending trials."""

    limits: tuple[Limit, ...]
    on_front: Bool[Tensor, " n"]
    """Which of the completed trials are on the front in some draw."""


def draw_beliefs(outcomes: Outcomes, count: int, seed: int) -> Beliefs:
    """Draw all outcomes jointly where trials were completed or are pending.

    Args:
        outcomes: What is believed of each.
        count: Number of draws.
        seed: Of the quasi-random numbers.
    """
    data = outcomes.data
    credible = credible_trials(outcomes)
    points = torch.cat([data.points[credible], data.pending])
    values: list[Tensor] = []
    standard: list[Tensor] = []
    for column, surrogate in enumerate(outcomes.surrogates):
        if isinstance(surrogate, Formula):
            values.append(surrogate.compute(points)[:, 0].expand(count, -1))
            standard.append(values[-1])
            continue
        normals = _normals(count, len(points), (seed * 31 + column) % 2**31)
        standard.append(surrogate.sample(points, normals))
        values.append(surrogate.measured(standard[-1]))
    drawn = torch.stack(values, dim=-1)
    feasible = within_limits(drawn, data.limits)
    kept = _on_a_front(drawn[..., : data.objective_count], feasible, data)
    completed = len(points) - len(data.pending)
    on_front = torch.zeros_like(credible)
    on_front[credible] = kept[:completed]
    kept[completed:] = True
    paths = tuple(
        surrogate
        if isinstance(surrogate, Formula)
        else paths_through(surrogate, points[kept], draws[:, kept])
        for surrogate, draws in zip(outcomes.surrogates, standard, strict=True)
    )
    return Beliefs(drawn, feasible, paths, data.limits, on_front)


def within_limits(
    values: Float[Tensor, "*batch k"], limits: tuple[Limit, ...]
) -> Bool[Tensor, "*batch"]:
    """Say which outcomes keep every limit."""
    feasible = torch.ones(values.shape[:-1], dtype=torch.bool)
    for limit in limits:
        feasible &= limit.sign * values[..., limit.outcome] <= limit.bound
    return feasible


def _normals(count: int, width: int, seed: int) -> Float[Tensor, "count width"]:
    """Return quasi-random normal numbers that do not depend on those of another seed.

    Sobol sequences that are scrambled by two seeds share the signs of their numbers, up to a turn
    of each column: only in an order of their own they are independent.
    """
    normals = draw_sobol_normal_samples(width, count, dtype=torch.float64, seed=seed)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return normals[order]


def credible_trials(outcomes: Outcomes) -> Bool[Tensor, " n"]:
    """Say which completed trials may be on the front, given how uncertain their outcomes are."""
    data = outcomes.data
    best, worst = [], []
    for surrogate in outcomes.surrogates[: data.objective_count]:
        if isinstance(surrogate, Formula):
            values = surrogate.compute(data.points)[:, 0]
            best.append(values)
            worst.append(values)
            continue
        mean, covariance = surrogate.predict(data.points)
        deviation = covariance.diagonal().clamp_min(0.0).sqrt()
        best.append(mean + CREDIBLE * deviation)
        worst.append(mean - CREDIBLE * deviation)
    optimistic, pessimistic = torch.stack(best, dim=1), torch.stack(worst, dim=1)
    surely = (pessimistic[None] > optimistic[:, None]).all(dim=2).any(dim=1)
    # A trial that breaks a limit does not dominate the others.
    return torch.ones_like(surely) if data.limits else ~surely


def _on_a_front(
    objectives: Float[Tensor, "s q m"], feasible: Bool[Tensor, "s q"], data: TrainingData
) -> Bool[Tensor, " q"]:
    kept = torch.zeros(objectives.shape[1], dtype=torch.bool)
    for values, allowed in zip(objectives, feasible, strict=True):
        rows = (allowed & (values > data.reference_point).all(dim=1)).nonzero()[:, 0]
        kept[rows[torch.from_numpy(is_nondominated(values[rows].numpy()))]] = True
    return kept
