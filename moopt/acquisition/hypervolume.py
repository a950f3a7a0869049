"""Noisy expected hypervolume improvement: how much a candidate would add to the front."""

import warnings

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.models.model import Model

from moopt.acquisition.feasibility import constraint_functions
from moopt.acquisition.posterior_samples import posterior_sampler
from moopt.encoding.training_data import TrainingData

SAMPLES = {2: 64, 3: 32}
"""Sampled fronts by number of objectives: each costs a box decomposition of its own."""

FEWEST_SAMPLES = 16


def noisy_hypervolume_improvement(
    model: Model, data: TrainingData, seed: int
) -> AcquisitionFunction:
    """Return the log of the expected hypervolume that a candidate adds to the true front.

    The front is not what was measured but what the model believes, noise removed; pending trials
    count as done; outcome constraints weigh in as probabilities.

    Source: Daulton, Balandat and Bakshy, "Parallel Bayesian optimization of multiple noisy
    objectives with expected hypervolume improvement", NeurIPS (2021); Ament et al., "Unexpected
    improvements to expected improvement for Bayesian optimization", NeurIPS (2023).
    """
    samples = SAMPLES.get(data.objective_count, FEWEST_SAMPLES)
    with warnings.catch_warnings(), torch.no_grad():
        # Without a compiler BoTorch falls back to a slower path with the same values.
        warnings.filterwarnings("ignore", message="Failed to compile fused")
        return qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=data.reference_point,
            X_baseline=data.points,
            sampler=posterior_sampler(model, data, samples, seed),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(data.objective_count))),
            constraints=constraint_functions(data),
            X_pending=data.pending if len(data.pending) else None,
            prune_baseline=True,
        )
