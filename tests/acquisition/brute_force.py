"""The expected gain by drawing everything at once, the slow way, and what BoTorch says of it."""

from collections.abc import Callable, Sequence
from typing import cast

import moocore
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, Surrogate
from moopt.surrogates.paths import Paths
from tests.surrogates.made_kernels import normal


class PathModel(Model):
    """One path of an outcome as a model of BoTorch."""

    def __init__(self, paths: Paths, draw: int) -> None:
        super().__init__()
        self.paths = paths
        self.draw = draw

    @property
    def num_outputs(self) -> int:
        """One outcome."""
        return 1

    def posterior(self, *given: object, **named: object) -> GPyTorchPosterior:
        """Return mean and deviation at `b x 1 x d` points."""
        points = cast("Tensor", given[0] if given else named["X"])
        means, deviations = self.paths(points[:, 0])
        variances = deviations.expand_as(means)[:, [self.draw]].square()
        return GPyTorchPosterior(MultivariateNormal(means[:, [self.draw]], variances.diag_embed()))


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


def slopes_by_differences(
    acquisition: Callable[[Tensor], Tensor], candidates: Tensor, step: float = 1e-6
) -> Tensor:
    steps = step * torch.eye(candidates.shape[-1]).double()[:, None, None, :]
    ahead, behind = (
        torch.stack([acquisition(candidates + sign * each) for each in steps], dim=-1)
        for sign in (1.0, -1.0)
    )
    return (ahead - behind) / (2 * step)


def independent_draws(
    paths: Sequence[Callable[[Tensor], tuple[Tensor, Tensor]]],
    points: Tensor,
    draws: int,
    terms: int,
) -> list[Tensor]:
    """Return `draws x n x terms` normal draws of each outcome, every one on its own."""
    generator = torch.Generator().manual_seed(0)
    values = []
    for path in paths:
        mean, deviation = path(points)
        noise = torch.randn((draws, len(points), terms), generator=generator, dtype=torch.float64)
        values.append(mean + deviation * noise)
    return values
