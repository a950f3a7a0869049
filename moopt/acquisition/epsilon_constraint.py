"""Expected improvement of one objective while the others stay above floors."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.beliefs import Beliefs, draw_beliefs
from moopt.acquisition.feasibility import log_probability_of_feasibility
from moopt.acquisition.normal_tails import log_excess
from moopt.encoding.training_data import Limit
from moopt.surrogates.outcomes import Outcomes

DRAWS = 8
"""Of what is known, each with a best value of its own."""


@dataclass(frozen=True, slots=True)
class EpsilonConstraintImprovement:
    """The log of what a candidate is expected to add to the best value within the floors."""

    beliefs: Beliefs
    objective: int
    """The one that is to be improved."""

    best: Float[Tensor, " s"]
    """What is reached within the floors, in each draw."""

    limits: tuple[Limit, ...]
    """Floors, and the study's own limits."""

    def __call__(self, candidates: Float[Tensor, "b 1 d"]) -> Float[Tensor, " b"]:
        """Return the value of each candidate; differentiable."""
        points = candidates[:, 0]
        moments = [path(points) for path in self.beliefs.paths]
        count = len(self.best)
        means = [mean.expand(-1, count) for mean, _ in moments]
        deviations = [deviation.expand(-1, count) for _, deviation in moments]
        deviation = deviations[self.objective]
        log, _, _ = log_excess((means[self.objective] - self.best) / deviation)
        total = log + deviation.log()
        total = total + log_probability_of_feasibility(self.limits, means, deviations)
        return total.logsumexp(dim=1) - math.log(count)


def epsilon_constraint_improvement(
    outcomes: Outcomes,
    seed: int,
    *,
    objective: int,
    floors: Float[Tensor, " m"],
    least: float,
    draws: int = DRAWS,
) -> EpsilonConstraintImprovement:
    """Return the log of the expected improvement of an objective, the others above floors.

    Pending trials count as done in each draw; floors and limits weigh in as probabilities.

    Source: Haimes, Lasdon and Wismer, "On a bicriterion formulation of the problems of integrated
    system identification and system optimization", IEEE Transactions on Systems, Man, and
    Cybernetics 1 (1971), for the epsilon-constraint; Schonlau, Welch and Jones, "Global versus
    local search in constrained optimization of computer models", New Developments and
    Applications in Experimental Design (1998), for improvement times the probability of the rest.

    Args:
        outcomes: What is believed.
        seed: Of the draws.
        objective: Which one is to be improved.
        floors: Of the others, larger is better; minus infinity where there is none.
        least: From where on more is an improvement, though nothing be known within the floors.
        draws: How many.
    """
    beliefs = draw_beliefs(outcomes, draws, seed)
    values = beliefs.values[..., : outcomes.data.objective_count]
    others = [place for place in range(len(floors)) if place != objective]
    within = beliefs.feasible & (values >= floors)[..., others].all(dim=2)
    reached = torch.where(within, values[..., objective], -torch.inf)
    best = torch.full((draws,), least, dtype=values.dtype)
    if reached.shape[1]:
        best = best.maximum(reached.max(dim=1).values)
    limits = tuple(
        Limit(outcome=place, sign=-1.0, bound=-float(floors[place]))
        for place in others
        if torch.isfinite(floors[place])
    )
    return EpsilonConstraintImprovement(beliefs, objective, best, (*limits, *beliefs.limits))
