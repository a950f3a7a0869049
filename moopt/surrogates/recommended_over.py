"""What is best in the mean over contexts, as the surrogates believe it.

Each trial measures a candidate in one context: a fold, a seed, a workload. A surrogate that knows
how contexts go together says what the candidate gives in the others, and how sure that is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.contexts import Contexts
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import training_data
from moopt.errors import SurrogateError
from moopt.front.dominance import is_nondominated
from moopt.front.recommendation import Prediction
from moopt.study.conditions import Choice
from moopt.study.parameters import Value
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, Surrogate, learn_outcomes
from moopt.surrogates.reproducible import reproducible

DRAWS = 512
SEED = 0
"""One for all: equal trials give equal recommendations."""

FEWEST = 3
"""Trials before there is anything to learn."""

LIKELY_FEASIBLE = 0.5
"""A candidate is recommended if, over contexts, it meets all limits with so large a probability."""


@dataclass(frozen=True, slots=True)
class CandidateOverContexts:
    """What is believed of one candidate."""

    parameters: Mapping[str, Value]
    """Without the context."""

    predicted: Mapping[str, Prediction]
    """By objective, in its own unit: the weighted mean over contexts."""


@dataclass(frozen=True, slots=True)
class RecommendationOverContexts:
    """What is believed of every candidate that was measured in some context."""

    candidates: tuple[CandidateOverContexts, ...]
    front: tuple[CandidateOverContexts, ...]
    """Those that no other one beats by predicted means, of those that are likely feasible: in the
    mean over contexts, an outcome that is limited keeps to its limit."""


def recommend_over(
    study: Study,
    trials: Sequence[Trial],
    context: str,
    weights: Mapping[Choice, float] | None = None,
) -> RecommendationOverContexts:
    """Return what is best in the weighted mean over contexts.

    Args:
        study: Whose parameter the context is.
        trials: In any state; completed ones are recommended.
        context: The parameter.
        weights: Of its values; one that is left out does not count. None: all alike.

    Raises:
        SelectionError: The parameter cannot be a context, or a weight is none.
        SurrogateError: Fewer than three trials were measured, or no process fits an outcome.
    """
    encoding = SpaceEncoding.of(study)
    contexts = Contexts.of(encoding, context, weights)
    data = training_data(study, encoding, trials)
    if len(data.points) < FEWEST:
        raise SurrogateError(
            f"a recommendation over {context!r} needs at least {FEWEST} completed trials, study "
            f"{study.name!r} has {len(data.points)}; measure more"
        )
    with reproducible(SEED):
        outcomes = learn_outcomes(encoding, data)
        points = contexts.without(data.points)
        beliefs = [
            _over_contexts(each, contexts, points)
            for each in outcomes.surrogates[: data.objective_count]
        ]
        likely = _chance(outcomes, contexts, points) >= LIKELY_FEASIBLE
    means = torch.stack([mean for mean, _ in beliefs], dim=1)
    deviations = torch.stack([deviation for _, deviation in beliefs], dim=1)
    best = torch.zeros(len(points), dtype=torch.bool)
    best[likely] = torch.from_numpy(is_nondominated(np.asarray(means[likely])))
    candidates = []
    for point, mean, deviation in zip(points, means.tolist(), deviations.tolist(), strict=True):
        parameters = encoding.decode(point)
        del parameters[context]
        rows = zip(study.objectives, mean, deviation, strict=True)
        predicted = {each.name: Prediction(each.direction.sign * m, d) for each, m, d in rows}
        candidates.append(CandidateOverContexts(parameters, predicted))
    front = tuple(each for each, is_best in zip(candidates, best.tolist(), strict=True) if is_best)
    return RecommendationOverContexts(tuple(candidates), front)


def _over_contexts(
    surrogate: Surrogate, contexts: Contexts, points: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return mean and standard deviation of the weighted mean over contexts at each point."""
    everywhere = contexts.over(points)
    if isinstance(surrogate, Formula):
        values = surrogate.compute(everywhere)[..., 0] @ contexts.weights
        return values, torch.zeros_like(values)
    normals = draw_sobol_normal_samples(everywhere.shape[1], DRAWS, dtype=torch.float64, seed=SEED)
    means, deviations = [], []
    for rows in everywhere:
        standard, covariance = surrogate.predict(rows)
        mean, _ = surrogate.moments(standard, covariance.diagonal().clamp_min(0.0).sqrt())
        means.append(mean @ contexts.weights)
        if surrogate.transform.is_identity:
            variance = contexts.weights @ covariance @ contexts.weights
            scale = surrogate.likelihood.observations.scale
            deviations.append(scale * variance.clamp_min(0.0).sqrt())
        else:
            drawn = surrogate.measured(surrogate.sample(rows, normals)) @ contexts.weights
            deviations.append(drawn.std())
    return torch.stack(means), torch.stack(deviations)


def _chance(
    outcomes: Outcomes, contexts: Contexts, points: Float[Tensor, "n d"]
) -> Float[Tensor, " n"]:
    """Return how likely each point meets all limits, in the mean over contexts."""
    chance = points.new_ones(len(points))
    for limit in outcomes.data.limits:
        mean, deviation = _over_contexts(outcomes.surrogates[limit.outcome], contexts, points)
        room = (limit.bound - limit.sign * mean) / deviation.clamp_min(1e-12)
        chance = chance * torch.special.ndtr(room)
    return chance
