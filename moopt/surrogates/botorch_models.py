"""Surrogates as BoTorch models, for every acquisition function that BoTorch has."""

from typing import cast

import torch
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.model import Model, ModelList
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.models.transforms.outcome import OutcomeTransform, Standardize
from botorch.posteriors.posterior import Posterior
from botorch.posteriors.transformed import TransformedPosterior
from gpytorch.kernels import Kernel as GpytorchKernel
from gpytorch.means import ConstantMean
from torch import Tensor

from moopt.errors import SelectionError
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes


def botorch_model(outcomes: Outcomes) -> Model:
    """Return a model of all outcomes, in their order, that predicts in the measured unit.

    It has the hyperparameters that the surrogates were fitted with and is not to be fitted again.
    Larger is better.
    """
    models = [
        surrogate.model() if isinstance(surrogate, Formula) else botorch_process(surrogate)
        for surrogate in outcomes.surrogates
    ]
    processes = [model for model in models if isinstance(model, SingleTaskGP)]
    if len(processes) == len(models):
        return ModelListGP(*processes)
    return ModelList(*models)


def botorch_process(process: GaussianProcess) -> SingleTaskGP:
    """Return a Gaussian process as a BoTorch model of points, in the measured unit."""
    model = standardized_process(process)
    plain = process.transform.is_identity
    model.outcome_transform = _standardize(process) if plain else _Measured(process)
    return model


def standardized_process(process: GaussianProcess) -> SingleTaskGP:
    """Return a Gaussian process as a BoTorch model of points, in its own units.

    Raises:
        SelectionError: The process has learned from gradients.
    """
    likelihood = process.likelihood
    if bool(likelihood.of_derivatives.any()):
        raise SelectionError(
            "BoTorch's models take no gradients; choose boxes, directions, evaluated_ei or "
            "knowledge_gradient, or learn from values only"
        )
    mean = ConstantMean()
    mean.constant = process.constant
    model = SingleTaskGP(
        likelihood.observations.points,
        likelihood.observations.values[:, None],
        train_Yvar=likelihood.noise(process.theta)[:, None],
        covar_module=_kernel_module(process),
        mean_module=mean,
        outcome_transform=None,
    )
    model.requires_grad_(requires_grad=False)
    return model.eval()


def _standardize(process: GaussianProcess) -> Standardize:
    """Return BoTorch's affine transform, taught by two values that have the mean and spread."""
    observations = process.likelihood.observations
    away = observations.scale / 2.0**0.5
    transform = Standardize(m=1)
    transform(
        torch.tensor(
            [[observations.location - away], [observations.location + away]], dtype=torch.float64
        )
    )
    return transform.eval()


def _kernel_module(process: GaussianProcess) -> torch.nn.Module:
    """Return a kernel of points with hyperparameters that stay as they are."""

    def forward(x1: Tensor, x2: Tensor, *, diag: bool = False, **_: object) -> Tensor:
        left, right = process.features.of_points(x1), process.features.of_points(x2)
        if diag:
            flat = left.reshape(-1, left.shape[-1])
            return process.kernel.diagonal(flat, process.kernel_theta).reshape(left.shape[:-1])
        return process.kernel.gram(left, right, process.kernel_theta).matrix

    module: torch.nn.Module = GpytorchKernel()
    module.forward = forward
    return module


class _Measured(OutcomeTransform):
    """From standardized, transformed outcomes to what is measured."""

    def __init__(self, process: GaussianProcess) -> None:
        super().__init__()
        self.process = process

    def forward(
        self, *given: Tensor | None, **named: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return standardized outcomes and noise variances."""
        arguments = dict(zip(("Y", "Yvar"), given, strict=False)) | named
        values, variances = cast("Tensor", arguments["Y"]), arguments.get("Yvar")
        observations, transform = self.process.likelihood.observations, self.process.transform
        standard = (transform.forward(values) - observations.location) / observations.scale
        if variances is None:
            return standard, None
        slope = transform.log_slope(values).exp() / observations.scale
        return standard, variances * slope.square()

    def untransform_posterior(self, posterior: Posterior, *_: object, **__: object) -> Posterior:
        """Return the posterior of what is measured."""

        def mean(means: Tensor, variances: Tensor) -> Tensor:
            return self.process.moments(means, variances.sqrt())[0]

        def variance(means: Tensor, variances: Tensor) -> Tensor:
            return self.process.moments(means, variances.sqrt())[1].square()

        return TransformedPosterior(
            posterior,
            sample_transform=self.process.measured,
            mean_transform=mean,
            variance_transform=variance,
        )
