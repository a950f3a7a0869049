"""Bayesian optimization: learn the outcomes, propose what would add most to the front."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.joint_entropy import joint_entropy
from moopt.acquisition.lookahead import best_evaluated, evaluated_improvement, knowledge_gradient
from moopt.acquisition.maximize import Acquisition
from moopt.acquisition.monte_carlo import monte_carlo_hypervolume, random_scalarization
from moopt.acquisition.pools import is_near, pool_around_leaders
from moopt.acquisition.scalarized import random_directions
from moopt.acquisition.thompson import best_in_own_draws
from moopt.encoding.contexts import Contexts
from moopt.encoding.enumeration import all_parameters
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import TrainingData, front_points, training_data
from moopt.errors import SelectionError
from moopt.samplers.history import initial_trials, tried_parameters, whole_fidelity
from moopt.samplers.inner_search import InnerSearch
from moopt.samplers.quasi_random import ENUMERABLE, initial_design
from moopt.samplers.sources import learned_lessons
from moopt.samplers.starting_points import announced
from moopt.study.conditions import Choice
from moopt.study.source import Source
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
    "evaluated_ei": evaluated_improvement,
    "knowledge_gradient": knowledge_gradient,
    "joint_entropy": joint_entropy,
}

OVER_CONTEXTS = {
    "evaluated_ei": evaluated_improvement,
    "knowledge_gradient": knowledge_gradient,
}
"""They say what a measurement in one context tells of the mean over all."""

OF_SEVERAL_OBJECTIVES = {"qlognehvi", "qlognparego"}
"""BoTorch has other classes for one objective."""


@dataclass(frozen=True, slots=True)
class BayesianSampler:
    """Gaussian processes and noisy expected hypervolume improvement.

    With one objective that is noisy expected improvement.
    """

    initial_trials: int | None = None
    """Trials before the first model. None: twice the number of parameters, 5 to 7 (to 20 where all
    are unordered choices), and at least one more than the study's starting points."""

    surrogate: str | None = None
    """Name of the kernel of every outcome. None: chosen for each by how well it predicts."""

    acquisition: str | None = None
    """A key of `ACQUISITIONS`. None: boxes, and directions for five objectives and more."""

    context: str | None = None
    """A parameter whose values are folds, seeds or workloads: each trial measures one of them, and
    what counts is the mean over all. None: every parameter is searched."""

    weights: Mapping[Choice, float] | None = None
    """Of the contexts in that mean; one that is left out does not count. None: all alike."""

    threads: int = 1
    """For linear algebra: at these sizes more are slower."""

    sources: Sequence[Source] = ()
    """Earlier studies to learn from: their fronts are tried first, and their models guide the ones
    of this study as far as they rank its trials well."""

    large_batch: int = LARGE_BATCH
    """From so many candidates in one call on each is the best in a draw of its own, unless the
    acquisition function or a context is given."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates that together add most to the front.

        Source: Renganathan and Carlson, "qPOTS: Efficient batch multiobjective Bayesian
        optimization via Pareto optimal Thompson sampling", AISTATS (2025), for large batches.

        Raises:
            SelectionError: The acquisition function needs several objectives or knows no contexts,
                the surrogate does not suit the space, or the context is none.
            StudyError: A source has nothing to do with the study.
            SurrogateError: No Gaussian process fits an outcome.
        """
        if len(study.objectives) == 1 and self.acquisition in OF_SEVERAL_OBJECTIVES:
            raise SelectionError(
                f"the acquisition function {self.acquisition!r} needs at least two objectives, "
                f"study {study.name!r} has one; leave it out for expected improvement"
            )
        encoding = SpaceEncoding.of(study)
        self._contexts(encoding)
        data = training_data(study, encoding, trials)
        step = len(trials)
        lessons = None
        if self.sources:
            with reproducible(seed, self.threads):
                lessons = learned_lessons(encoding, self.sources)
        if not self.can_learn(study, data, trials):
            first = [] if lessons is None else lessons.untried(trials, count)
            known = [*trials, *map(announced, first)]
            rest = count - len(first)
            return first + initial_design(study, known, rest, seed) if rest else first
        with reproducible(seed * 1_000_003 + step, self.threads):
            outcomes = learn_outcomes(
                encoding,
                data,
                self.surrogate,
                sources=None if lessons is None else lessons.models,
                seed=seed + step,
            )
            drawn = count >= self.large_batch and not self.acquisition and not self.context
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

    def learning_from(self, sources: Sequence[Source]) -> "BayesianSampler":
        """Return the same sampler that learns from earlier studies, too."""
        return replace(self, sources=(*self.sources, *sources))

    def _contexts(self, encoding: SpaceEncoding) -> Contexts | None:
        if self.context is None:
            if self.weights is not None:
                raise SelectionError(
                    f"weights {dict(self.weights)} need a context; name the parameter, such as "
                    "context='fold'"
                )
            return None
        if self.acquisition not in {None, *OVER_CONTEXTS}:
            raise SelectionError(
                f"the acquisition function {self.acquisition!r} knows no contexts; choose from "
                f"{list(OVER_CONTEXTS)} or leave it out"
            )
        return Contexts.of(encoding, self.context, self.weights)

    def can_learn(self, study: Study, data: TrainingData, trials: Sequence[Trial]) -> bool:
        """Say whether enough has begun and was measured for a model."""
        initial = self.initial_trials
        if initial is None:
            initial = initial_trials(study, self.sources)
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
        contexts = self._contexts(encoding)
        many = outcomes.data.objective_count >= MANY_OBJECTIVES
        usual = "directions" if many else "boxes"
        named = self.acquisition or (usual if contexts is None else "knowledge_gradient")
        build = ACQUISITIONS[named]
        front = front_points(outcomes.data)
        if contexts is not None:
            build = partial(OVER_CONTEXTS[named], contexts=contexts)
            front = best_evaluated(outcomes, contexts)
        tried = encoding.encode_all(tried_parameters(trials))
        search = InnerSearch.of(encoding)
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


def _best_in_draws(
    encoding: SpaceEncoding, outcomes: Outcomes, trials: Sequence[Trial], count: int, seed: int
) -> list[Float[Tensor, " d"]]:
    """Choose many points, each the best in a draw of its own."""
    box = SearchBox(encoding)
    front = front_points(outcomes.data)
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
