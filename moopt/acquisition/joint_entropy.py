"""How much a measurement tells of the front and of where it lies, in BoTorch's implementation.

A front is that of all objectives drawn jointly at many points. Only the order of values counts, so
everything is in the units of the Gaussian processes: no reference point is needed, and a transform
of an outcome changes nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from botorch.acquisition.multi_objective.joint_entropy_search import (
    qLowerBoundMultiObjectiveJointEntropySearch,
)
from botorch.acquisition.multi_objective.utils import compute_sample_box_decomposition
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.moments import likely_feasible, log_chance
from moopt.acquisition.normal_tails import log_softplus
from moopt.acquisition.starting_rows import rows_around
from moopt.encoding.search_box import SearchBox
from moopt.errors import SelectionError
from moopt.front.dominance import is_nondominated
from moopt.surrogates.botorch_models import standardized_process
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes
from moopt.surrogates.paths import KNOWN

FRONTS = 8
"""Drawn fronts."""

FRONT_POINTS = 8
"""Of each front: what is told of them is told of the front."""

EVERYWHERE, AROUND = 192, 64
"""Points, besides those that were tried, on which fronts may lie."""

ENTROPY = 0.5 * math.log(2.0 * math.pi * math.e)
"""Of a standard normal number, in nats."""

LITTLE = 1e-4
"""Nats below which a look is as good as none."""


class _ExactOnFronts(ModelListGP):
    """Learns what was drawn as it was drawn; a measurement keeps the noise that it had before."""

    usual: Tensor
    """Noise variance of a measurement, by objective."""

    def condition_on_observations(self, *given: object, **named: object) -> ModelListGP:
        """Return the model that has learned values, which are hardly uncertain."""
        values = cast("Tensor", named["Y"])
        learned = cast("Callable[..., _ExactOnFronts]", super().condition_on_observations)
        model = learned(*given, noise=torch.full_like(values, KNOWN), **named)
        model.usual = self.usual
        return model

    def posterior(self, *given: object, **named: object) -> GPyTorchPosterior:
        """Return the posterior at points, with the usual noise where noise is asked for."""
        if named.get("observation_noise") is True:
            named["observation_noise"] = self.usual
        at = cast("Callable[..., GPyTorchPosterior]", super().posterior)
        return at(*given, **named)


def _model(learned: list[GaussianProcess]) -> _ExactOnFronts:
    model = _ExactOnFronts(*(standardized_process(each) for each in learned))
    noise = [each.likelihood.noise(each.theta).mean() for each in learned]
    model.usual = torch.stack(noise)[None]
    return model


@dataclass(frozen=True, slots=True)
class JointEntropy:
    """The log of what a measurement tells, in nats, times the chance to meet all limits."""

    told: qLowerBoundMultiObjectiveJointEntropySearch
    """Together with what is pending."""

    known: float
    """What the pending trials tell by themselves."""

    outcomes: Outcomes

    def __call__(self, candidates: Float[Tensor, "b 1 d"]) -> Float[Tensor, " b"]:
        """Return the value of each candidate; differentiable."""
        nats = cast("Tensor", self.told(candidates)) - self.known
        limits = self.outcomes.data.limits
        chance = log_chance(self.outcomes.surrogates, limits, candidates[:, 0])
        # A lower bound of few draws may be below zero, and is ranked there, too.
        return log_softplus(nats / LITTLE) + chance


def joint_entropy(outcomes: Outcomes, seed: int) -> JointEntropy:
    """Return what a measurement tells of the front and of where it lies.

    Source: Tu, Gandy, Kantas and Shafei, "Joint entropy search for multi-objective Bayesian
    optimization", NeurIPS (2022), its lower bound.

    Args:
        outcomes: What is believed.
        seed: Of the drawn fronts.

    Raises:
        SelectionError: An objective is computed by a formula: nothing is to be learned of it.
    """
    data = outcomes.data
    processes = [each for each in outcomes.surrogates[: data.objective_count] if _learned(each)]
    learned = cast("list[GaussianProcess]", processes)
    if len(learned) < data.objective_count:
        computed = [
            name
            for name, each in zip(data.names, outcomes.surrogates, strict=False)
            if isinstance(each, Formula)
        ]
        raise SelectionError(
            "the acquisition function 'joint_entropy' needs objectives that are measured, but "
            f"{', '.join(computed)} is computed by a formula; choose 'boxes' or 'evaluated_ei'"
        )
    with torch.no_grad():
        sets, fronts = _drawn_fronts(outcomes, learned, seed)
        told = qLowerBoundMultiObjectiveJointEntropySearch(
            _model(learned),
            sets,
            fronts,
            compute_sample_box_decomposition(fronts),
        )
        known = 0.0
        if len(data.pending):
            # BoTorch counts the constant of an entropy once, however many points there are.
            known = float(told(data.pending[None])) - len(learned) * ENTROPY
            told.set_X_pending(data.pending)
    return JointEntropy(told, known, outcomes)


def _learned(surrogate: object) -> bool:
    return isinstance(surrogate, GaussianProcess)


def _drawn_fronts(
    outcomes: Outcomes, learned: list[GaussianProcess], seed: int
) -> tuple[Float[Tensor, "s p d"], Float[Tensor, "s p m"]]:
    """Return points of fronts and their standardized values, equally many of each front."""
    points = _points(outcomes, SearchBox(learned[0].features.encoding), seed)
    drawn = torch.stack(
        [
            each.sample(points, _normals(len(points), (seed * 31 + place) % 2**31))
            for place, each in enumerate(learned)
        ],
        dim=-1,
    )
    count = FRONT_POINTS if len(learned) > 1 else 1
    chosen = torch.stack([_spread(values, count) for values in drawn])
    fronts = torch.stack([values[rows] for values, rows in zip(drawn, chosen, strict=True)])
    return points[chosen], fronts


def _points(outcomes: Outcomes, box: SearchBox, seed: int) -> Float[Tensor, "n d"]:
    tried = torch.cat([outcomes.data.points, outcomes.data.pending])
    means = torch.stack(
        [each.means(tried) for each in outcomes.surrogates if isinstance(each, GaussianProcess)],
        dim=1,
    )[:, : outcomes.data.objective_count]
    front = tried[torch.from_numpy(is_nondominated(np.asarray(means)))]
    rows = torch.cat(
        [box.sobol(EVERYWHERE, seed=seed % 2**31), rows_around(box, front, AROUND, seed=seed)]
    )
    points: Tensor = torch.unique(torch.cat([tried, box.to_points(rows)]), dim=0)
    feasible = likely_feasible(outcomes, points)
    return points[feasible] if bool(feasible.any()) else points


def _normals(width: int, seed: int) -> Float[Tensor, "s width"]:
    """Return numbers in an order of their own: objectives are drawn independently."""
    normals = draw_sobol_normal_samples(width, FRONTS, dtype=torch.float64, seed=seed)
    return normals[torch.randperm(FRONTS, generator=torch.Generator().manual_seed(seed))]


def _spread(values: Float[Tensor, "n m"], count: int) -> Tensor:
    """Return so many points of the front from one end to the other; short ones are repeated."""
    best = torch.from_numpy(is_nondominated(values.numpy())).nonzero()[:, 0]
    along = best[values[best, 0].argsort()]
    places = torch.linspace(0, len(along) - 1, count, dtype=torch.float64).round().long()
    if len(along) == 1:
        places = torch.zeros(count, dtype=torch.long)
    return along[places]
