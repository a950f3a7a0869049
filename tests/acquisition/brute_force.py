"""The expected gain by drawing everything at once, the slow way."""

import moocore
import torch
from torch import Tensor

from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, Surrogate
from tests.surrogates.made_kernels import normal


def log_gain_by_drawing(outcomes: Outcomes, candidates: Tensor, draws: int) -> Tensor:
    """Return the log of the mean hypervolume that each candidate adds in joint draws."""
    data = outcomes.data
    points = torch.cat([data.points, data.pending, candidates])
    drawn = torch.stack(
        [_drawn(each, points, draws, seed) for seed, each in enumerate(outcomes.surrogates)], dim=-1
    )
    feasible = torch.ones(drawn.shape[:2], dtype=torch.bool)
    for limit in data.limits:
        feasible &= limit.sign * drawn[..., limit.outcome] <= limit.bound
    worst = data.reference_point - 1.0
    counted = drawn[..., : data.objective_count].minimum(data.aspiration_point)
    values = torch.where(feasible[..., None], counted, worst)
    known = len(points) - len(candidates)
    gains = [_gains(draw[:known], draw[known:], data.reference_point) for draw in values]
    return torch.tensor(gains, dtype=torch.float64).mean(dim=0).log()


def _drawn(surrogate: Surrogate, points: Tensor, draws: int, seed: int) -> Tensor:
    if isinstance(surrogate, Formula):
        return surrogate.compute(points)[:, 0].expand(draws, -1)
    return surrogate.measured(surrogate.sample(points, normal(draws, len(points), seed=seed)))


def _gains(known: Tensor, new: Tensor, reference: Tensor) -> list[float]:
    before = _volume(known, reference)
    return [_volume(torch.cat([known, point[None]]), reference) - before for point in new]


def _volume(values: Tensor, reference: Tensor) -> float:
    return float(moocore.hypervolume(values.numpy(), ref=reference.numpy(), maximise=True))
