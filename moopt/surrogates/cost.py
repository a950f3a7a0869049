"""What candidates cost, learned from how long trials took."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.study.objectives import Fidelity
from moopt.study.trials import Trial

FEWEST = 8
"""Timed trials below which nothing is learned."""

PRIOR_VARIANCE = 0.5
"""Of the effect of a parameter on the log of the seconds, from one end to the other."""

NOISE_VARIANCE = 0.05


@dataclass(frozen=True, slots=True)
class FidelityCost:
    """The cost that a fidelity states, times a factor for what the parameters do."""

    fidelity: Fidelity
    weights: Float[Tensor, " d"] | None = None
    """Of the columns in the log of the factor. None: the factor is one."""

    centre: Float[Tensor, " d"] | None = None
    """Where the factor is one."""

    def __call__(
        self, points: Float[Tensor, "n d"], fidelity: float, after: float
    ) -> Float[Tensor, " n"]:
        """Return the cost of taking points to a fidelity, in whole evaluations; differentiable."""
        cost = self.fidelity.cost(fidelity, after=after)
        if self.weights is None or self.centre is None:
            return torch.full((len(points),), cost, dtype=points.dtype)
        return cost * ((points - self.centre) @ self.weights).exp()


def learned_cost(
    encoding: SpaceEncoding, fidelity: Fidelity, trials: Sequence[Trial]
) -> FidelityCost:
    """Learn from the wall time of trials how parameters change what a fidelity costs.

    It is Bayesian linear regression of the log of the seconds per stated cost.

    Args:
        encoding: Of the parameters.
        fidelity: States what each fidelity costs.
        trials: Of which some were timed.
    """
    by_number = {trial.number: trial for trial in trials}
    points, logs = [], []
    for trial in trials:
        if trial.usage is None or not trial.measurements or trial.fidelity is None:
            continue
        before = by_number.get(trial.continues) if trial.continues is not None else None
        after = 0.0 if before is None else before.fidelity or 0.0
        stated = fidelity.cost(trial.fidelity, after=after)
        if trial.usage.wall_seconds > 0 and stated > 0:
            points.append(trial.parameters)
            logs.append(torch.tensor(trial.usage.wall_seconds / stated).log())
    if len(logs) < FEWEST:
        return FidelityCost(fidelity)
    columns = encoding.encode_all(points)
    centre = columns.mean(dim=0)
    away = columns - centre
    values = torch.stack(logs).to(away)
    precision = away.mT @ away + NOISE_VARIANCE / PRIOR_VARIANCE * torch.eye(away.shape[1]).to(away)
    weights = torch.linalg.solve(precision, away.mT @ (values - values.mean()))
    return FidelityCost(fidelity, weights, centre)
