"""One measurement ahead: by how much would what is recommended after it be better?

What is recommended are points whose posterior means no other point's means dominate. Which points
may be recommended is what tells two acquisition functions apart: those that were evaluated, the
candidate among them (`evaluated_improvement`), or any (`knowledge_gradient`). Both value a
measurement for what it tells of other points, so that they measure once more where that pays, and
under noise the luckiest measurement is no incumbent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Bool, Float, Int
from torch import Tensor

from moopt.acquisition.mean_fronts import Volume, log_expected_rise
from moopt.acquisition.mean_updates import ComputedUpdates, MeanUpdates, Moves
from moopt.acquisition.moments import likely_feasible, log_chance, measured_moments
from moopt.acquisition.normal_tails import log_softplus
from moopt.acquisition.starting_rows import rows_around
from moopt.encoding.contexts import Contexts
from moopt.encoding.search_box import SearchBox
from moopt.encoding.training_data import Limit
from moopt.front.dominance import is_nondominated
from moopt.surrogates.formula import Formula
from moopt.surrogates.outcomes import Outcomes, Surrogate

RESULTS = {1: 64, 2: 32}
"""Results of a measurement by number of objectives, where the gain has no closed form."""

FEWEST_RESULTS = 16
CREDIBLE = 3.0
"""How many standard deviations a mean may move."""

EVERYWHERE, AROUND = 512, 256
"""Points among which those are looked for that may be recommended."""

MOST = 48
"""Points that may be recommended, beside those that were evaluated and may be on the front."""

SHARP = 1e-6
"""Below this share of the volume a gain is as good as none."""


@dataclass(frozen=True, slots=True)
class LookAhead:
    """The log of the gain that is expected of one measurement."""

    updates: tuple[MeanUpdates | ComputedUpdates, ...]
    """By objective, of the points that may be recommended."""

    surrogates: tuple[Surrogate, ...]
    """Of all outcomes, for the limits."""

    limits: tuple[Limit, ...]
    contexts: Contexts | None
    dominated: Volume
    aspiration_point: Float[Tensor, " m"]
    normals: Float[Tensor, "s m"]
    volume: float
    """That the means of the points dominate now; with one objective, their best."""

    any_feasible: bool
    """Where no point is likely feasible what counts is to become so."""

    def __call__(self, candidates: Float[Tensor, "b 1 d"]) -> Float[Tensor, " b"]:
        """Return the value of each candidate; differentiable."""
        points = candidates[:, 0]
        total = log_chance(self.surrogates, self.limits, points, self.contexts)
        if not self.any_feasible:
            return total
        everywhere = _everywhere(self.contexts, points)
        moves = [each(points, everywhere) for each in self.updates]
        weights = _weights(self.contexts)
        lines = moves[0].linear(weights) if len(moves) == 1 else None
        if lines is not None and bool(self.aspiration_point.isinf().all()):
            return total + log_expected_rise(*lines)
        return total + self._log_gain(moves, weights)

    def _log_gain(
        self, moves: Sequence[Moves], weights: Float[Tensor, " c"]
    ) -> Float[Tensor, " r"]:
        moved = [
            each.moved(normals, weights)
            for each, normals in zip(moves, self.normals.mT, strict=True)
        ]
        values = torch.stack(moved, dim=-1).minimum(self.aspiration_point)
        reached = self.dominated(values)
        scale = SHARP * self.volume if self.volume > 0 else SHARP
        # Finitely many results may say that a look loses a little: that is ranked, too.
        gain = (reached.mean(dim=1) - self.volume) / scale
        return log_softplus(gain) + math.log(scale)


def evaluated_improvement(
    outcomes: Outcomes, seed: int, contexts: Contexts | None = None
) -> LookAhead:
    """Return the expected improvement of what is best among evaluated points, by posterior means.

    For one objective without noise that is expected improvement.

    Source: Frazier, "A tutorial on Bayesian optimization", arXiv:1807.02811 (2018), section 4.1.

    Args:
        outcomes: What is believed.
        seed: Of the results that are considered.
        contexts: In which candidates are measured. None: there are none.
    """
    data = outcomes.data
    return _look_ahead(outcomes, torch.cat([data.points, data.pending]), seed, contexts)


def knowledge_gradient(
    outcomes: Outcomes, seed: int, contexts: Contexts | None = None
) -> LookAhead:
    """Return the expected improvement of what is best anywhere, by posterior means.

    Anywhere are the points that were evaluated, the candidate, and those of many others whose means
    may come to be on the front.

    Source: Frazier, Powell and Dayanik, "The knowledge-gradient policy for correlated normal
    beliefs", INFORMS Journal on Computing 21 (2009), for one objective; Daulton, Balandat and
    Bakshy, "Hypervolume knowledge gradient: a lookahead approach for multi-objective Bayesian
    optimization with partial information", ICML (2023), for several; Toscano-Palmerin and Frazier,
    "Bayesian optimization with expensive integrands", SIAM Journal on Optimization 32 (2022), for
    contexts.

    Args:
        outcomes: What is believed.
        seed: Of the points, and of the results that are considered.
        contexts: In which candidates are measured. None: there are none.
    """
    data = outcomes.data
    evaluated = torch.cat([data.points, data.pending])
    others = [
        SearchBox(each.features.encoding)
        for each in outcomes.surrogates
        if not isinstance(each, Formula)
    ][:1]
    found = [evaluated]
    for box in others:
        best = evaluated[_may_be_best(outcomes, evaluated, contexts, 0.0)]
        rows = [
            box.sobol(EVERYWHERE, seed=seed % 2**31),
            rows_around(box, best, AROUND, seed=seed),
        ]
        points = box.to_points(torch.cat(rows))
        found.append(points[_first_layers(outcomes, points, contexts)])
    return _look_ahead(outcomes, torch.cat(found), seed, contexts)


def best_evaluated(outcomes: Outcomes, contexts: Contexts) -> Float[Tensor, "k d"]:
    """Return what was evaluated and is on the front of posterior means over contexts."""
    points = contexts.without(outcomes.data.points)
    feasible = likely_feasible(outcomes, points, contexts)
    if bool(feasible.any()):
        points = points[feasible]
    return points[_may_be_best(outcomes, points, contexts, 0.0)]


def _look_ahead(
    outcomes: Outcomes, points: Float[Tensor, "n d"], seed: int, contexts: Contexts | None
) -> LookAhead:
    data = outcomes.data
    points = torch.unique(points, dim=0) if contexts is None else contexts.without(points)
    objectives = data.objective_count
    feasible = likely_feasible(outcomes, points, contexts)
    any_feasible = bool(feasible.any())
    if any_feasible:
        points = points[feasible]
    points = points[_may_be_best(outcomes, points, contexts, CREDIBLE)]
    everywhere = _everywhere(contexts, points)
    updates = tuple(
        ComputedUpdates.of(each, everywhere)
        if isinstance(each, Formula)
        else MeanUpdates.of(each, everywhere, data.pending)
        for each in outcomes.surrogates[:objectives]
    )
    means = _means(outcomes, points, contexts)[0]
    reference, aspiration = data.reference_point, data.aspiration_point
    if objectives == 1 or not bool((means > reference).all(dim=1).any()):
        # Volumes begin below everything: until a point is beyond the reference, others count too.
        spread = (means.max(dim=0).values - means.min(dim=0).values).clamp_min(1e-6)
        reference = torch.minimum(reference, means.min(dim=0).values - spread)
    if bool((means >= aspiration).all(dim=1).any()):
        aspiration = torch.full_like(aspiration, torch.inf)
    dominated = Volume.above(reference, means, seed)
    return LookAhead(
        updates,
        outcomes.surrogates,
        data.limits,
        contexts,
        dominated,
        aspiration,
        _results(objectives, seed),
        float(dominated(means.minimum(aspiration))),
        any_feasible,
    )


def _results(objectives: int, seed: int) -> Float[Tensor, "s m"]:
    """Return results in pairs of opposites, whose linear parts cancel."""
    count = RESULTS.get(objectives, FEWEST_RESULTS)
    if objectives == 1:
        shares = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        normals: Tensor = torch.special.ndtri(shares)
        return normals[:, None]
    half = draw_sobol_normal_samples(objectives, count // 2, dtype=torch.float64, seed=seed % 2**31)
    return torch.cat([half, -half])


def _everywhere(contexts: Contexts | None, points: Float[Tensor, "n d"]) -> Float[Tensor, "n c d"]:
    return points[:, None] if contexts is None else contexts.over(points)


def _weights(contexts: Contexts | None) -> Float[Tensor, " c"]:
    return torch.ones(1, dtype=torch.float64) if contexts is None else contexts.weights


def _means(
    outcomes: Outcomes, points: Float[Tensor, "n d"], contexts: Contexts | None
) -> tuple[Float[Tensor, "n m"], Float[Tensor, "n m"]]:
    """Return means of objectives over contexts, and at most how uncertain they are."""
    objectives = outcomes.surrogates[: outcomes.data.objective_count]
    means, deviations = measured_moments(objectives, points, contexts)
    return torch.cat(means, dim=1), torch.cat(deviations, dim=1)


def _may_be_best(
    outcomes: Outcomes, points: Float[Tensor, "n d"], contexts: Contexts | None, credible: float
) -> Bool[Tensor, " n"]:
    """Say which points no other one surely dominates, so many deviations up and down."""
    means, deviations = _means(outcomes, points, contexts)
    high, low = means + credible * deviations, means - credible * deviations
    surely = (low[None] > high[:, None]).all(dim=2).any(dim=1)
    return ~surely


def _first_layers(
    outcomes: Outcomes, points: Float[Tensor, "n d"], contexts: Contexts | None
) -> Int[Tensor, " k"]:
    """Return which points are on the front of means a deviation up, or behind few such fronts."""
    means, deviations = _means(outcomes, points, contexts)
    left = torch.arange(len(points))
    values = np.asarray(means + deviations)
    chosen: list[Tensor] = []
    while len(left) and sum(len(each) for each in chosen) < MOST:
        best = torch.from_numpy(is_nondominated(values[left.numpy()]))
        chosen.append(left[best])
        left = left[~best]
    return torch.cat(chosen)[:MOST]
