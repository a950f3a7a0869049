"""Expected improvement in the direction of one preference among the objectives."""

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.beliefs import Beliefs, draw_beliefs
from moopt.acquisition.scalarized import DirectionalImprovement, along_directions
from moopt.encoding.training_data import TrainingData
from moopt.surrogates.outcomes import Outcomes

DRAWS = 8
"""Of what is known, each with a best value of its own."""

NODES = 32
"""Of the integral along the direction."""

SMALLEST = 1e-3
"""Share of the largest weight that every objective has at least."""


def preference_improvement(
    outcomes: Outcomes, seed: int, preference: Float[Tensor, " m"], draws: int = DRAWS
) -> DirectionalImprovement:
    """Return the log of the expected improvement of a Chebyshev scalarization.

    Its value at a point is how far one gets from the reference point in a direction before an
    objective is missing. The direction is the preference, in units of how far the best trial is
    ahead of the reference point in each objective. Pending trials count as done in each draw.
    No sum is added to the smallest part, as augmented scalarizations do: in expectation every
    objective counts.

    Source: Steuer and Choo, "An interactive weighted Tchebycheff procedure for multiple objective
    programming", Mathematical Programming 26 (1983); Knowles, "ParEGO", IEEE Transactions on
    Evolutionary Computation 10 (2006), for its expected improvement.

    Args:
        outcomes: What is believed.
        seed: Of the draws.
        preference: Weights, none below zero and some above: the larger one is, the further the
            direction leads in its objective.
        draws: How many.
    """
    beliefs = draw_beliefs(outcomes, draws, seed)
    weights = preference / preference.max()
    direction = weights.clamp_min(SMALLEST) * _reach(beliefs, outcomes.data)
    directions = direction.expand(draws, -1)
    return along_directions(beliefs, outcomes.data, directions, dimension=1, nodes=NODES)


def _reach(beliefs: Beliefs, data: TrainingData) -> Float[Tensor, " m"]:
    """Return how far the best is ahead of the reference point, by objective."""
    values = beliefs.values[..., : data.objective_count].minimum(data.aspiration_point)
    if values.shape[1] == 0:
        return torch.ones_like(data.reference_point)
    ahead = values - data.reference_point
    counted = beliefs.feasible & (ahead > 0).all(dim=2)
    reach = torch.where(counted[..., None], ahead, 0.0).amax(dim=1).mean(dim=0)
    # Nothing is ahead yet: what the trials differ by says how large the objectives are.
    spread = (values.amax(dim=(0, 1)) - values.amin(dim=(0, 1))).clamp_min(1e-12)
    return torch.where(reach > 0, reach, spread)
