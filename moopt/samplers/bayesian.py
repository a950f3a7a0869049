"""Bayesian optimization: learn the outcomes, propose what would add most to the front."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.maximize import Acquisition
from moopt.acquisition.monte_carlo import monte_carlo_hypervolume, random_scalarization
from moopt.acquisition.scalarized import random_directions
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, training_data
from moopt.errors import SelectionError
from moopt.front.dominance import is_nondominated
from moopt.samplers.history import initial_trials, tried_parameters, whole_fidelity
from moopt.samplers.inner_search import InnerSearch
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from moopt.surrogates.reproducible import reproducible

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

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates that together add most to the front.

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
            points = self.best_together(encoding, outcomes, trials, count, seed + step)
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
        build = ACQUISITIONS[self.acquisition or ("directions" if many else "boxes")]
        search = InnerSearch.of(encoding)
        front = outcomes.data.points[on_front(outcomes.data)]
        tried = encoding.encode_all(tried_parameters(trials))
        chosen: list[Tensor] = []
        for position in range(count):
            acquisition = build(outcomes, seed + position)
            point = search.best(acquisition, front=front, tried=tried, seed=seed + position)
            if point is None:
                break
            chosen.append(point)
            tried = torch.cat([tried, point[None]])
            outcomes = outcomes.with_pending(point)
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
