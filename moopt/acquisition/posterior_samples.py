"""The random numbers behind Monte Carlo acquisition functions: fixed by a seed."""

from typing import cast

import torch
from botorch.models.model import Model
from botorch.posteriors.torch import TorchPosterior
from botorch.sampling.base import MCSampler
from botorch.sampling.get_sampler import get_sampler

from moopt.encoding.training_data import TrainingData


def posterior_sampler(model: Model, data: TrainingData, samples: int, seed: int) -> MCSampler:
    """Return quasi-random base samples that suit the model's posterior, computed parts included."""
    with torch.no_grad():
        # BoTorch dispatches on the posterior's class; lists of posteriors are among them.
        posterior = cast("TorchPosterior", model.posterior(data.points[:1]))
    return get_sampler(posterior, torch.Size([samples]), seed=seed % 2**31)
