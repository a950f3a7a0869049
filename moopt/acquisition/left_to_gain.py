"""How much hypervolume is left to gain, at most, if the surrogates are right?

All outcomes are drawn jointly at the trials and at many points where more may be had. In each draw
the front of everything is compared with the front of the trials.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.added_volume import dominated_volume
from moopt.acquisition.beliefs import credible_trials
from moopt.acquisition.pools import pool_around_leaders
from moopt.acquisition.thompson import Draws
from moopt.encoding.search_box import SearchBox
from moopt.encoding.training_data import TrainingData
from moopt.surrogates.outcomes import Outcomes

DRAWS = 200
CONFIDENCE = 0.95
"""Share of the draws in which less is left than the bound."""


@dataclass(frozen=True, slots=True)
class LeftToGain:
    """The hypervolume that could be added, as a share of what is reached."""

    shares: Float[Tensor, " s"]
    """In each draw; infinite where nothing is reached."""

    @property
    def bound(self) -> float:
        """The share that is not exceeded with a probability of `CONFIDENCE`."""
        # No interpolation: between a number and infinity there is none.
        place = math.ceil(CONFIDENCE * len(self.shares)) - 1
        return float(self.shares.sort().values[place])


def left_to_gain(outcomes: Outcomes, box: SearchBox, seed: int) -> LeftToGain:
    """Return how much hypervolume points of the space could add to the front of the trials.

    The points are about a thousand: an even cover, others around the front, and others around those
    that are best in draws of their own. Between them there may be more: in many dimensions the
    bound is one of what a search would find next, not of all that there is.

    Args:
        outcomes: What is believed.
        box: The space.
        seed: Of points and draws.
    """
    data = outcomes.data
    front = data.points[credible_trials(outcomes)]
    pool = pool_around_leaders(outcomes, box, front, seed)
    draws = Draws.of(outcomes, pool, DRAWS, seed + 1)
    shares = []
    for known, more, is_known, is_more in zip(
        draws.known, draws.pool, draws.known_feasible, draws.pool_feasible, strict=True
    ):
        objectives = slice(0, data.objective_count)
        reached = known[is_known][:, objectives]
        reachable = torch.cat([reached, more[is_more][:, objectives]])
        before, after = (_volume(data, each, seed) for each in (reached, reachable))
        shares.append((after - before) / before if before > 0 else math.inf)
    return LeftToGain(torch.tensor(shares, dtype=torch.float64))


def _volume(data: TrainingData, values: Float[Tensor, "n m"], seed: int) -> float:
    best = torch.minimum(values, data.aspiration_point)
    return dominated_volume(best, data.reference_point, seed)
