"""Candidates along the whole front: each one is the best for a preference of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.quasirandom import SobolEngine

from moopt.acquisition.preference import preference_improvement
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import front_points, training_data
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.history import tried_parameters, whole_fidelity
from moopt.samplers.inner_search import InnerSearch
from moopt.samplers.quasi_random import initial_design
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from moopt.surrogates.reproducible import reproducible

NAME = "preference_batch"
NOTE = "preference"
"""Under this name a candidate says for which weights of the objectives it is the best."""


@dataclass(frozen=True, slots=True)
class PreferenceBatchSampler:
    """Gaussian processes, and for each candidate the expected improvement for one preference.

    Preferences are spread evenly over all that are possible, trial after trial, whatever the size
    of the batches. The candidates of a batch know of each other.

    Source: Jain et al., "Multi-Objective GFlowNets", ICML (2023), for batches in which every
    candidate has a preference of its own.
    """

    search: BayesianSampler = field(default_factory=BayesianSampler)
    """Says when to begin, and how outcomes are modelled."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates, each for a preference of its own.

        Raises:
            SelectionError: The surrogate does not suit the space.
            SurrogateError: No Gaussian process fits an outcome.
        """
        encoding = SpaceEncoding.of(study)
        data = training_data(study, encoding, trials)
        if not self.search.can_learn(study, data, trials):
            return initial_design(study, trials, count, seed)
        step = len(trials)
        weights = spread_preferences(len(study.objectives), step, count, seed)
        with reproducible(seed * 1_000_003 + step, self.search.threads):
            outcomes = learn_outcomes(encoding, data, self.search.surrogate)
            tried = encoding.encode_all(tried_parameters(trials))
            points = _best_for(weights, encoding, outcomes, tried, seed + step)
        return [
            Candidate(
                encoding.decode(point),
                fidelity=whole_fidelity(study),
                sampler=NAME,
                notes={NOTE: _text(study, preference), "surrogate": outcomes.description},
            )
            for point, preference in zip(points, weights, strict=False)
        ]


def spread_preferences(
    objectives: int, start: int, count: int, seed: int
) -> Float[Tensor, "count m"]:
    """Return weights of sum 1, some terms of a sequence that covers the simplex evenly.

    Args:
        objectives: How many weights there are in each.
        start: The first term.
        count: How many terms.
        seed: Of the sequence.
    """
    if objectives == 1:
        return torch.ones(count, 1, dtype=torch.float64)
    engine = SobolEngine(objectives - 1, scramble=True, seed=seed % 2**31).fast_forward(start)
    # The spacings between sorted uniform numbers are uniform on the simplex.
    cuts = engine.draw(count, dtype=torch.float64).sort(dim=1).values
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64).expand(count, 2)
    return torch.cat([ends[:, :1], cuts, ends[:, 1:]], dim=1).diff(dim=1)


def _best_for(
    weights: Float[Tensor, "c m"],
    encoding: SpaceEncoding,
    outcomes: Outcomes,
    tried: Float[Tensor, "t d"],
    seed: int,
) -> list[Float[Tensor, " d"]]:
    """Choose an untried point for one preference after the other, those before it pending."""
    search = InnerSearch.of(encoding)
    front = front_points(outcomes.data)
    chosen: list[Tensor] = []
    for place, preference in enumerate(weights):
        acquisition = preference_improvement(outcomes, seed + place, preference)
        point = search.best(acquisition, front=front, tried=tried, seed=seed + place)
        if point is None:
            break
        chosen.append(point)
        tried = torch.cat([tried, point[None]])
        outcomes = outcomes.with_pending(point)
    return chosen


def _text(study: Study, preference: Float[Tensor, " m"]) -> str:
    names = [each.name for each in study.objectives]
    return ", ".join(
        f"{name} {weight:.2f}" for name, weight in zip(names, preference.tolist(), strict=True)
    )
