"""BoTorch's own acquisition functions on the same surrogates: to compare with, and to choose."""

import warnings
from collections.abc import Callable
from typing import cast

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
from botorch.acquisition.multi_objective.parego import qLogNParEGO
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.posteriors.posterior_list import PosteriorList
from botorch.posteriors.torch import TorchPosterior
from botorch.sampling.base import MCSampler
from botorch.sampling.get_sampler import get_sampler
from botorch.sampling.list_sampler import ListSampler
from botorch.sampling.normal import IIDNormalSampler, SobolQMCNormalSampler
from torch import Tensor

from moopt.acquisition.fused_kernel import prepare_fused_kernel
from moopt.encoding.training_data import Limit, TrainingData
from moopt.surrogates.botorch_models import botorch_model
from moopt.surrogates.outcomes import Outcomes

FRONTS = {2: 64, 3: 32}
"""Sampled fronts by number of objectives: each costs a box decomposition of its own."""

FEWEST_FRONTS = 16
SCALARIZED_SAMPLES = 128
BEYOND = 1e-6
"""Share at which a gain beyond an aspiration counts."""


def monte_carlo_hypervolume(outcomes: Outcomes, seed: int) -> AcquisitionFunction:
    """Return BoTorch's noisy expected hypervolume improvement.

    Source: Daulton, Balandat and Bakshy, "Parallel Bayesian optimization of multiple noisy
    objectives with expected hypervolume improvement", NeurIPS (2021); Ament et al., "Unexpected
    improvements to expected improvement for Bayesian optimization", NeurIPS (2023).
    """
    prepare_fused_kernel()
    data, model = outcomes.data, botorch_model(outcomes)
    samples = FRONTS.get(data.objective_count, FEWEST_FRONTS)
    with warnings.catch_warnings(), torch.no_grad():
        # Without a compiler BoTorch falls back to a slower path with the same values.
        warnings.filterwarnings("ignore", message="Failed to compile fused")
        return qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=data.reference_point,
            X_baseline=data.points,
            sampler=_posterior_sampler(model, data, samples, seed),
            objective=_objective(data),
            constraints=_constraints(data),
            X_pending=data.pending if len(data.pending) else None,
            prune_baseline=True,
        )


def random_scalarization(outcomes: Outcomes, seed: int) -> AcquisitionFunction:
    """Return BoTorch's expected improvement of a random Chebyshev scalarization.

    Source: Knowles, "ParEGO", IEEE Transactions on Evolutionary Computation 10 (2006); Daulton et
    al., "Differentiable expected hypervolume improvement", NeurIPS (2020), for the noisy form.
    """
    data, model = outcomes.data, botorch_model(outcomes)
    return qLogNParEGO(
        model=model,
        X_baseline=data.points,
        sampler=_posterior_sampler(model, data, SCALARIZED_SAMPLES, seed),
        objective=_objective(data),
        constraints=_constraints(data),
        X_pending=data.pending if len(data.pending) else None,
        prune_baseline=True,
    )


def _objective(data: TrainingData) -> GenericMCMultiOutputObjective:
    """Return the objectives among the outcomes; what is beyond an aspiration hardly counts."""

    def counted(samples: Tensor, *_: object, **__: object) -> Tensor:
        objectives = samples[..., : data.objective_count]
        worth = objectives.minimum(data.aspiration_point)
        # Scalarizations divide by the range of the values, which must not be zero.
        return worth + BEYOND * (objectives - worth)

    return GenericMCMultiOutputObjective(counted)


def _posterior_sampler(model: Model, data: TrainingData, samples: int, seed: int) -> MCSampler:
    """Return base samples that suit the model's posterior, computed parts included."""
    with torch.no_grad():
        posterior = model.posterior(data.points[:1])
    if not isinstance(posterior, PosteriorList):
        return _sampler(posterior, samples, seed)
    return ListSampler(
        *(_random_sampler(each, samples, seed + k) for k, each in enumerate(posterior.posteriors))
    )


def _sampler(posterior: Posterior, samples: int, seed: int) -> MCSampler:
    # BoTorch dispatches on the posterior's class; others than this one are among them.
    known = cast("TorchPosterior", posterior)
    return get_sampler(known, torch.Size([samples]), seed=seed % 2**31)


def _random_sampler(posterior: Posterior, samples: int, seed: int) -> MCSampler:
    """Return base samples that do not depend on those of another seed, as Sobol sequences do."""
    sampler = _sampler(posterior, samples, seed)
    if isinstance(sampler, SobolQMCNormalSampler):
        return IIDNormalSampler(torch.Size([samples]), seed=seed % 2**31)
    return sampler


def _constraints(data: TrainingData) -> list[Callable[[Tensor], Tensor]] | None:
    """Return one function of posterior samples per limit: negative is feasible."""
    return [_violation(limit, _spread(data, limit.outcome)) for limit in data.limits] or None


def _violation(limit: Limit, spread: float) -> Callable[[Tensor], Tensor]:
    # Scaled by the spread of its outcome, so that one smoothing suits all.
    def violation(samples: Tensor) -> Tensor:
        return (limit.sign * samples[..., limit.outcome] - limit.bound) / spread

    return violation


def _spread(data: TrainingData, outcome: int) -> float:
    if outcome >= len(data.names):
        return 1.0
    values = data.outcomes[data.measured(outcome), outcome]
    spread = float(values.std()) if len(values) > 1 else 0.0
    return spread if spread > 1e-8 else 1.0
