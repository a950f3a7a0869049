"""The front as the surrogates believe it: under noise the measured one keeps the luckiest trials.

A surrogate learns from neighbours that a measurement was lucky. So trials are compared by posterior
means, and joint draws from the posterior tell how sure it is that a trial is on the front.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import (
    Limit,
    TrainingData,
    training_data,
    trials_to_learn_from,
)
from moopt.errors import SurrogateError
from moopt.front.dominance import is_nondominated
from moopt.front.noisy_dominance import share_on_front
from moopt.front.recommendation import Prediction, Recommendation
from moopt.front.reference_point import infer_references
from moopt.front.values import is_whole, measured_trials
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Surrogate, learn_outcomes
from moopt.surrogates.reproducible import reproducible

DRAWS = 512
SEED = 0
"""One for all: equal trials give equal recommendations."""

FEWEST = 3
"""Trials with every objective before there is anything to learn."""

LIKELY_FEASIBLE = 0.5
"""A trial is recommended if it meets all outcome constraints with so large a probability."""


def recommend(study: Study, trials: Sequence[Trial]) -> Recommendation:
    """Return what the surrogates believe of the trials, and the front of these beliefs.

    What was measured without noise is believed as it was measured, formulas included.

    Args:
        study: Where it lacks references, they are inferred from the trials.
        trials: In any state; only completed ones at the fidelity that counts are recommended. Where
            the study's fidelity is unbiased the others are learned from, too.

    Raises:
        SurrogateError: Fewer than three trials have every objective, an outcome was never measured,
            or no process fits it.
    """
    count = len(measured_trials(study, trials))
    if count < FEWEST:
        raise SurrogateError(
            f"a recommended front needs at least {FEWEST} completed trials with every objective "
            f"measured, study {study.name!r} has {count}; look at the measured front until then"
        )
    known = trials_to_learn_from(study, trials)  # in the order of the data's rows
    encoding = SpaceEncoding.of(study)
    data = training_data(study, encoding, known)
    with reproducible(SEED):
        posterior = _posterior(encoding, data)
    feasible = _feasible(posterior.draws, data.limits)
    objectives = slice(0, data.objective_count)
    whole = np.array([is_whole(study, trial) for trial in known])
    means = posterior.means[:, objectives]
    likely = whole & (feasible.mean(axis=0) >= LIKELY_FEASIBLE)
    best = np.zeros(len(known), dtype=bool)
    best[likely] = is_nondominated(means[likely])
    chances = _chances(posterior.draws[..., objectives], feasible)
    numbers = [trial.number for trial in known]
    predictions = zip(means, posterior.deviations[:, objectives], strict=True)
    return Recommendation(
        study.with_references(infer_references(study, trials)),
        _by_number(known),
        dict(sorted(zip(numbers, (_named(study, *row) for row in predictions), strict=True))),
        dict(sorted(zip(numbers, chances.tolist(), strict=True))),
        _by_number([trial for trial, is_best in zip(known, best, strict=True) if is_best]),
    )


def _by_number(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    return tuple(sorted(trials, key=lambda trial: trial.number))


@dataclass(frozen=True, slots=True)
class _Posterior:
    """In the measured unit, larger is better."""

    means: Float[np.ndarray, "n k"]
    deviations: Float[np.ndarray, "n k"]
    draws: Float[np.ndarray, "s n k"]


def _posterior(encoding: SpaceEncoding, data: TrainingData) -> _Posterior:
    exact = data.standard_errors == 0
    unsure = [column for column in range(len(data.names)) if not bool(exact[:, column].all())]
    learned = learn_outcomes(encoding, _restricted(data, unsure)).surrogates
    means, deviations = data.outcomes.clone(), torch.zeros_like(data.outcomes)
    draws = data.outcomes.repeat(DRAWS, 1, 1)
    for column, surrogate in zip(unsure, learned, strict=True):
        rows = ~exact[:, column]
        mean, deviation, drawn = _believed(surrogate, data.points, SEED + column)
        means[rows, column], deviations[rows, column] = mean[rows], deviation[rows]
        draws[:, rows, column] = drawn[:, rows]
    return _Posterior(means.numpy(), deviations.numpy(), draws.numpy())


def _restricted(data: TrainingData, columns: list[int]) -> TrainingData:
    """Return the data of some outcomes; what is known exactly everywhere need not be learned."""
    return replace(
        data,
        outcomes=data.outcomes[:, columns],
        standard_errors=data.standard_errors[:, columns],
        names=tuple(data.names[column] for column in columns),
    )


def _believed(
    surrogate: Surrogate, points: Float[Tensor, "n d"], seed: int
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, "s n"]]:
    """Return mean, standard deviation and joint draws of an outcome at points."""
    if isinstance(surrogate, Formula):
        values = surrogate.compute(points)[:, 0]
        return values, torch.zeros_like(values), values.expand(DRAWS, -1)
    mean, covariance = surrogate.predict(points)
    moments = surrogate.moments(mean, covariance.diagonal().clamp_min(0.0).sqrt())
    normals = draw_sobol_normal_samples(len(points), DRAWS, dtype=torch.float64, seed=seed)
    return *moments, surrogate.measured(surrogate.sample(points, normals))


def _feasible(
    draws: Float[np.ndarray, "s n k"], limits: Sequence[Limit]
) -> Bool[np.ndarray, "s n"]:
    feasible = np.ones(draws.shape[:2], dtype=bool)
    for limit in limits:
        feasible &= limit.sign * draws[..., limit.outcome] <= limit.bound
    return feasible


def _chances(
    objectives: Float[np.ndarray, "s n m"], feasible: Bool[np.ndarray, "s n"]
) -> Float[np.ndarray, " n"]:
    """Return for each trial the share of draws in which it is feasible and on the front."""
    some = feasible.any(axis=1)
    if not some.any():
        return np.zeros(feasible.shape[1])
    # Below all others, an infeasible trial is on no front and keeps nobody off it.
    worst = objectives.min(axis=(0, 1)) - 1.0
    samples = np.where(feasible[..., None], objectives, worst)[some]
    return np.asarray(some.mean() * share_on_front(samples))


def _named(
    study: Study, means: Float[np.ndarray, " m"], deviations: Float[np.ndarray, " m"]
) -> dict[str, Prediction]:
    rows = zip(study.objectives, means.tolist(), deviations.tolist(), strict=True)
    return {each.name: Prediction(each.direction.sign * mean, dev) for each, mean, dev in rows}
