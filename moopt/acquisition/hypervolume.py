"""Noisy expected hypervolume improvement: how much a candidate would add to the front, exactly.

With one objective a front is its best value, and what is added to it is expected improvement.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.beliefs import Beliefs, draw_beliefs
from moopt.acquisition.boxes import Boxes, log_expected_gain
from moopt.acquisition.feasibility import log_probability_of_feasibility
from moopt.surrogates.outcomes import Outcomes

FRONTS = {1: 8, 2: 4, 3: 4}
"""Sampled fronts by number of objectives: each costs a box decomposition of its own."""

FEWEST_FRONTS = 2


@dataclass(frozen=True, slots=True)
class ExpectedHypervolumeImprovement:
    """The log of the expected hypervolume that a candidate adds, averaged over sampled fronts."""

    beliefs: Beliefs
    boxes: Boxes | None
    """None: no trial is feasible in any draw; then what counts is to become feasible."""

    objective_count: int

    def __call__(self, candidates: Float[Tensor, "b 1 d"]) -> Float[Tensor, " b"]:
        """Return the value of each candidate; differentiable."""
        points = candidates[:, 0]
        moments = [path(points) for path in self.beliefs.paths]
        count = len(self.beliefs.values)
        means = [mean.expand(-1, count) for mean, _ in moments]
        deviations = [deviation.expand(-1, count) for _, deviation in moments]
        return self.of_normal(means, deviations)

    def of_normal(
        self, means: list[Float[Tensor, "r s"]], deviations: list[Float[Tensor, "r s"]]
    ) -> Float[Tensor, " r"]:
        """Return the value of candidates with independent normal outcomes; differentiable.

        Args:
            means: By outcome, for each candidate and each sampled front.
            deviations: As the means, above zero.
        """
        total = log_probability_of_feasibility(self.beliefs.limits, means, deviations)
        if self.boxes is not None:
            objectives = slice(0, self.objective_count)
            total = total + log_expected_gain(
                self.boxes, torch.stack(means[objectives]), torch.stack(deviations[objectives])
            )
        return torch.as_tensor(total).logsumexp(dim=1) - math.log(means[0].shape[1])


def noisy_hypervolume_improvement(
    outcomes: Outcomes,
    seed: int,
    fronts: int | None = None,
    elsewhere: Float[Tensor, "e m"] | None = None,
) -> ExpectedHypervolumeImprovement:
    """Return the log of the expected hypervolume that a candidate adds to the true front.

    The front is not what was measured but what the surrogates believe, noise removed: it is drawn
    a few times, and given each draw the expectation over the candidate is exact. Pending trials
    count as done in each draw; limits weigh in as probabilities. Values beyond an aspiration add
    nothing, until every draw reaches all of them: then they count again, for want of anything else.

    Source: Daulton, Balandat and Bakshy, "Parallel Bayesian optimization of multiple noisy
    objectives with expected hypervolume improvement", NeurIPS (2021); the inner expectation as in
    `moopt.acquisition.boxes` in place of Monte Carlo.

    Args:
        outcomes: What is believed.
        seed: Of the draws.
        fronts: How many are drawn. None: fewer for more objectives.
        elsewhere: Objectives of trials that these beliefs leave out and that may be on the front.
    """
    data = outcomes.data
    count = data.objective_count
    beliefs = draw_beliefs(outcomes, fronts or FRONTS.get(count, FEWEST_FRONTS), seed)
    boxes = None
    some = elsewhere is not None and len(elsewhere) > 0
    if some or beliefs.feasible.any() or not beliefs.limits:
        drawn = zip(beliefs.values[..., :count], beliefs.feasible, strict=True)
        others = np.empty((0, count)) if elsewhere is None else elsewhere.numpy()
        sampled = [np.vstack([values[allowed].numpy(), others]) for values, allowed in drawn]
        reference = data.reference_point.numpy()
        boxes = Boxes.above(sampled, reference, data.aspiration_point.numpy())
        if boxes.is_empty:
            boxes = Boxes.above(sampled, reference)
    return ExpectedHypervolumeImprovement(beliefs, boxes, count)
