"""Hypervolume by random directions, for five objectives and more, where boxes are too many.

The volume above the reference point that a front dominates is an average over directions of how far
one gets in each before nothing of the front lies ahead. What a candidate adds in one direction is a
one-dimensional integral of the probability to be that far in every objective, so that independent
outcomes need no sampling:

    E[gain] = c E_v [ integral from t_v to infinity of m t^(m-1) prod_j P(f_j > r_j + t v_j) dt ]

Where objectives have aspirations, the integral ends where a direction passes the first of them.
Without the factor m t^(m-1) it is the expected improvement of a Chebyshev scalarization, how far
one gets in a direction before an objective is missing.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.beliefs import Beliefs, draw_beliefs
from moopt.acquisition.feasibility import log_probability_of_feasibility
from moopt.encoding.training_data import TrainingData
from moopt.surrogates.outcomes import Outcomes

DIRECTIONS = 48
"""Each with a draw of the front of its own."""

NODES = 12
"""Of the integral along each of many directions."""

REACH = 4.0
"""How many standard deviations above its mean the integral goes."""

NO_WAY = 1e-300
"""Length of an integral that is empty, so that it has a logarithm."""


@dataclass(frozen=True, slots=True)
class DirectionalImprovement:
    """The log of what a candidate is expected to add in some directions, of volume or of way."""

    beliefs: Beliefs
    directions: Float[Tensor, "s m"]
    """All positive."""

    reached: Float[Tensor, " s"]
    """How far the front of each draw gets in its direction."""

    ends: Float[Tensor, " s"]
    """How far each direction leads before it passes an aspiration; may be infinite."""

    reference_point: Float[Tensor, " m"]
    any_feasible: bool
    dimension: int
    """What is added grows with this power of the way: 1, or the number of objectives for volume."""

    nodes: int
    """Of the integral along a direction."""

    def __call__(self, candidates: Float[Tensor, "b 1 d"]) -> Float[Tensor, " b"]:
        """Return the value of each candidate; differentiable."""
        points = candidates[:, 0]
        moments = [path(points) for path in self.beliefs.paths]
        count = len(self.reached)
        means = [mean.expand(-1, count) for mean, _ in moments]
        deviations = [deviation.expand(-1, count) for _, deviation in moments]
        total = log_probability_of_feasibility(self.beliefs.limits, means, deviations)
        if self.any_feasible:
            total = total + self._log_gain(means, deviations)
        return torch.as_tensor(total).logsumexp(dim=1) - math.log(count)

    def _log_gain(self, means: list[Tensor], deviations: list[Tensor]) -> Float[Tensor, "r s"]:
        objectives = slice(0, len(self.reference_point))
        mean, deviation = (torch.stack(each[objectives], dim=-1) for each in (means, deviations))
        highest = mean + REACH * deviation
        far = ((highest - self.reference_point) / self.directions).min(dim=2).values
        # Where even the far end is not ahead, a narrow interval keeps the tail of the probability.
        narrow = (deviation / self.directions).min(dim=2).values
        if self.dimension > 1:
            # Over many directions the slopes of the ends hardly matter.
            far, narrow = far.detach(), narrow.detach()
        length = (far - self.reached).clamp_min(0.0) + narrow
        length = length.minimum(self.ends - self.reached).clamp_min(NO_WAY)
        nodes, weights = (mean.new_tensor(each) for each in _legendre(self.nodes))
        along = self.reached[:, None] + length[..., None] * nodes
        ahead = (
            mean[:, :, None] - self.reference_point - along[..., None] * self.directions[:, None]
        ) / deviation[:, :, None]
        logs = torch.special.log_ndtr(ahead).sum(dim=3)
        logs = logs + (self.dimension - 1) * along.log() + weights.log() + length[..., None].log()
        gain: Tensor = logs.logsumexp(dim=2) + math.log(self.dimension)
        return gain


def random_directions(
    outcomes: Outcomes,
    seed: int,
    directions: int = DIRECTIONS,
    elsewhere: Float[Tensor, "e m"] | None = None,
) -> DirectionalImprovement:
    """Return the log of the expected hypervolume that a candidate adds, over random directions.

    Source: Deng and Zhang, "Approximating hypervolume and hypervolume contributions using polar
    coordinate", IEEE Transactions on Evolutionary Computation 23 (2019); Zhang and Golovin, "Random
    hypervolume scalarizations for provable multi-objective black box optimization", ICML (2020).

    Args:
        outcomes: What is believed.
        seed: Of draws and directions.
        directions: How many.
        elsewhere: Objectives of trials that these beliefs leave out and that may be on the front.
    """
    data = outcomes.data
    beliefs = draw_beliefs(outcomes, directions, seed)
    normals = draw_sobol_normal_samples(
        data.objective_count, directions, dtype=torch.float64, seed=seed % 2**31
    ).abs()
    unit = normals / normals.norm(dim=1, keepdim=True)
    directed = unit.clamp_min(1e-3)
    return along_directions(
        beliefs,
        data,
        directed,
        dimension=data.objective_count,
        nodes=NODES,
        elsewhere=elsewhere,
    )


def along_directions(
    beliefs: Beliefs,
    data: TrainingData,
    directions: Float[Tensor, "s m"],
    *,
    dimension: int,
    nodes: int,
    elsewhere: Float[Tensor, "e m"] | None = None,
) -> DirectionalImprovement:
    """Return the log of what a candidate is expected to add in one direction for each draw.

    Args:
        beliefs: With `s` draws.
        data: From whose reference point the directions lead.
        directions: All positive.
        dimension: As in `DirectionalImprovement`.
        nodes: As there.
        elsewhere: As in `random_directions`.
    """
    objectives = beliefs.values[..., : data.objective_count]
    ahead = ((objectives - data.reference_point) / directions[:, None]).min(dim=2).values
    ahead = torch.where(beliefs.feasible, ahead, 0.0)
    count = len(directions)
    reached = ahead.max(dim=1).values.clamp_min(0.0) if ahead.shape[1] else torch.zeros(count)
    if elsewhere is not None and len(elsewhere):
        beyond = ((elsewhere - data.reference_point) / directions[:, None]).min(dim=2).values
        reached = torch.maximum(reached.to(directions), beyond.max(dim=1).values)
    ends = ((data.aspiration_point - data.reference_point) / directions).min(dim=1).values
    if bool((reached >= ends).all()):
        # All that was wanted is there: what lies beyond is better than nothing.
        ends = torch.full_like(ends, torch.inf)
    reached = torch.minimum(reached.to(directions), ends)
    some = bool(beliefs.feasible.any()) or not beliefs.limits
    return DirectionalImprovement(
        beliefs, directions, reached, ends, data.reference_point, some, dimension, nodes
    )


def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of an integral from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1.0) / 2.0, weights / 2.0
