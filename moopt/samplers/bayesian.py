"""Bayesian optimization: learn the outcomes, propose what would add most to the front."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.maximize import Acquisition
from moopt.acquisition.monte_carlo import monte_carlo_hypervolume, random_scalarization
from moopt.acquisition.pools import is_near, pool_around_leaders
from moopt.acquisition.scalarized import random_directions
from moopt.acquisition.thompson import best_in_own_draws
from moopt.encoding.enumeration import all_parameters
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, training_data
from moopt.errors import SelectionError
from moopt.front.dominance import is_nondominated
from moopt.samplers.history import initial_trials, tried_parameters, whole_fidelity
from moopt.samplers.last_trials import LAST, PointSearch, one_by_one, planned, trials_left
from moopt.samplers.quasi_random import ENUMERABLE, QuasiRandomSampler
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from moopt.surrogates.reproducible import reproducible

LARGE_BATCH = 32
"""From so many candidates in one call on each is the best in a joint draw of its own: the time of
choosing one beside those before it grows with their number."""

POOL = 2048
"""Of a small discrete space at most so many points are considered at once."""

AT_ONCE = 256
"""Of a large batch at most so many are chosen from one pool of points."""

MANY_OBJECTIVES = 5
"""From so many objectives on, random directions take the place of boxes."""

ACQUISITIONS: dict[str, Callable[[Outcomes, int], Acquisition]] = {
    "boxes": noisy_hypervolume_improvement,
    "directions": random_directions,
    "qlognehvi": monte_carlo_hypervolume,
    "qlognparego": random_scalarization,
}

OF_SEVERAL_OBJECTIVES = {"qlognehvi", "qlognparego"}
"""BoTorch has other classes for one objective."""


@dataclass(frozen=True, slots=True)
class BayesianSampler:
    """Gaussian processes and noisy expected hypervolume improvement.

    With one objective that is noisy expected improvement.
    """

    initial_trials: int | None = None
    """Trials before the first model. None: twice the number of parameters, 5 to 20, and fewer where
    the study has starting points."""

    surrogate: str | None = None
    """Name of the kernel of every outcome. None: chosen for each by how well it predicts."""

    acquisition: str | None = None
    """A key of `ACQUISITIONS`. None: boxes, and directions for five objectives and more."""

    threads: int = 1
    """For linear algebra: at these sizes more are slower."""

    large_batch: int = LARGE_BATCH
    """From so many candidates in one call on each is the best in a draw of its own, unless the
    acquisition function is given."""

    budget: float | None = None
    """What the search may spend, in whole evaluations: the last few are planned together. None:
    that of the run, where it has one."""

    def within(self, budget: float) -> "BayesianSampler":
        """Return the sampler for a run that may spend so much; a budget of its own stands."""
        return self if self.budget is not None else replace(self, budget=budget)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates that together add most to the front.

        Source: Renganathan and Carlson, "qPOTS: Efficient batch multiobjective Bayesian
        optimization via Pareto optimal Thompson sampling", AISTATS (2025), for large batches.

        Raises:
            SelectionError: The acquisition function needs several objectives, or the surrogate does
                not suit the space.
            SurrogateError: No Gaussian process fits an outcome.
        """
        if len(study.objectives) == 1 and self.acquisition in OF_SEVERAL_OBJECTIVES:
            raise SelectionError(
                f"the acquisition function {self.acquisition!r} needs at least two objectives, "
                f"study {study.name!r} has one; leave it out for expected improvement"
            )
        encoding = SpaceEncoding.of(study)
        data = training_data(study, encoding, trials)
        if not self.can_learn(study, data, trials):
            return QuasiRandomSampler().propose(study, trials, count, seed)
        step = len(trials)
        with reproducible(seed * 1_000_003 + step, self.threads):
            outcomes = learn_outcomes(encoding, data, self.surrogate)
            drawn = count >= self.large_batch and self.acquisition is None
            choose = _best_in_draws if drawn else self.best_together
            points = choose(encoding, outcomes, trials, count, seed + step)
        notes = {"surrogate": outcomes.description}
        return [
            Candidate(
                encoding.decode(point),
                fidelity=whole_fidelity(study),
                sampler="bayesian",
                notes=notes,
            )
            for point in points
        ]

    def can_learn(self, study: Study, data: TrainingData, trials: Sequence[Trial]) -> bool:
        """Say whether enough has begun and was measured for a model."""
        initial = self.initial_trials
        if initial is None:
            initial = initial_trials(study)
        begun = sum(trial.state is not TrialState.CANCELLED for trial in trials)
        fewest = min(int(data.measured(column).sum()) for column in range(len(data.names)))
        return begun >= initial and fewest >= 3

    def best_together(
        self,
        encoding: SpaceEncoding,
        outcomes: Outcomes,
        trials: Sequence[Trial],
        count: int,
        seed: int,
    ) -> list[Float[Tensor, " d"]]:
        """Choose one untried point after the other, each with the ones before it pending."""
        many = outcomes.data.objective_count >= MANY_OBJECTIVES
        named = self.acquisition or ("directions" if many else "boxes")
        whole = all_parameters(encoding.study, ENUMERABLE)
        search = PointSearch(
            ACQUISITIONS[named],
            SearchBox(encoding),
            front=outcomes.data.points[on_front(outcomes.data)],
            tried=encoding.encode_all(tried_parameters(trials)),
            whole=None if whole is None else encoding.encode_all(whole),
        )
        left = trials_left(encoding.study, trials, self.budget)
        # Random directions and draws are others for each point: nothing is chosen beside another.
        if named == "boxes" and left is not None and max(2, count) <= left <= LAST:
            return planned(search, outcomes, left, seed)[:count]
        return one_by_one(search, outcomes, count, seed)


def _best_in_draws(
    encoding: SpaceEncoding, outcomes: Outcomes, trials: Sequence[Trial], count: int, seed: int
) -> list[Float[Tensor, " d"]]:
    """Choose many points, each the best in a draw of its own."""
    box = SearchBox(encoding)
    front = outcomes.data.points[on_front(outcomes.data)]
    tried = encoding.encode_all(tried_parameters(trials))
    whole = all_parameters(encoding.study, ENUMERABLE)
    chosen: list[Tensor] = []
    while len(chosen) < count:
        later = seed + len(chosen)
        if whole is None:
            pool = pool_around_leaders(outcomes, box, front, later)
        else:
            order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(later))
            pool = encoding.encode_all([whole[place] for place in order])
        pool = pool[~is_near(pool, tried)][:POOL]
        if len(pool) == 0:
            break
        wanted = min(count - len(chosen), AT_ONCE)
        points = pool[best_in_own_draws(outcomes, pool, wanted, later)]
        chosen += list(points)
        tried = torch.cat([tried, points])
        pending = torch.cat([outcomes.data.pending, points])
        outcomes = outcomes.restricted(replace(outcomes.data, pending=pending))
    return chosen


def on_front(data: TrainingData) -> Tensor:
    """Say which points are non-dominated among those that have every objective.

    What is beyond an aspiration is no better than the aspiration.
    """
    objectives = data.outcomes[:, : data.objective_count].minimum(data.aspiration_point)
    complete = ~objectives.isnan().any(dim=1)
    best = torch.zeros(len(objectives), dtype=torch.bool)
    best[complete] = torch.from_numpy(is_nondominated(np.asarray(objectives[complete])))
    return best
