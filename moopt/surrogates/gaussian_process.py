"""One Gaussian process for one outcome, with noise that is known, learned or both."""

import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.transforms.outcome import Standardize
from botorch.settings import validate_input_scaling
from gpytorch.mlls import ExactMarginalLogLikelihood
from jaxtyping import Float
from torch import Tensor

from moopt.errors import SurrogateError
from moopt.surrogates.noise import filled_variances, initial_variance, learned_variance

ROUNDS = 3
"""How often hyperparameters and learned noise take turns where only some noise is known."""

STEPS = 8
"""Steps of expectation-maximization in a round."""


def gaussian_process(
    name: str,
    points: Float[Tensor, "n d"],
    values: Float[Tensor, " n"],
    standard_errors: Float[Tensor, " n"],
) -> SingleTaskGP:
    """Return a fitted Gaussian process with BoTorch's dimension-scaled prior.

    Source: Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high
    dimensions", ICML (2024).

    Args:
        name: The outcome, for messages.
        points: Rows of the unit cube.
        values: What was measured there.
        standard_errors: Of each value, in its unit. NaN: learned.

    Raises:
        SurrogateError: No hyperparameters fit the values.
    """
    spread = float(values.std()) if len(values) > 1 else 0.0
    variance = spread**2 if spread > 1e-8 else 1.0
    known = standard_errors.square() / variance
    try:
        # A constant outcome cannot be standardized; its process is constant, as it should be.
        with validate_input_scaling(False):
            if known.isnan().all():
                return _fitted(SingleTaskGP(points, values[:, None], outcome_transform=_standard()))
            learned = initial_variance()
            model = _with_noise(points, values, filled_variances(known, learned) * variance)
            for _ in range(ROUNDS if known.isnan().any() else 0):
                learned = _relearned(model, points, values, known, learned)
                model = _with_noise(points, values, filled_variances(known, learned) * variance)
            return model
    except ModelFittingError as error:
        raise SurrogateError(
            f"no Gaussian process fits the {len(values)} measurements of {name!r}, which lie "
            f"between {float(values.min()):g} and {float(values.max()):g}; look at "
            "`moopt trials` for values that cannot be"
        ) from error


def _standard() -> Standardize:
    return Standardize(m=1)


def _fitted(model: SingleTaskGP) -> SingleTaskGP:
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def _with_noise(
    points: Float[Tensor, "n d"], values: Float[Tensor, " n"], variances: Float[Tensor, " n"]
) -> SingleTaskGP:
    return _fitted(
        SingleTaskGP(
            points,
            values[:, None],
            train_Yvar=variances[:, None],
            outcome_transform=_standard(),
        )
    )


def _relearned(
    model: SingleTaskGP,
    points: Float[Tensor, "n d"],
    values: Float[Tensor, " n"],
    known: Float[Tensor, " n"],
    learned: float,
) -> float:
    """Estimate the unknown noise with the hyperparameters as they are."""
    location, scale = values.mean(), values.std()
    targets = (values - location) / scale
    with torch.no_grad():
        kernel = model.covar_module(points).to_dense()
        residual = targets - model.mean_module(points)
        for _ in range(STEPS):
            noise = filled_variances(known, learned)
            gain = torch.linalg.solve(kernel + noise.diag(), kernel).T
            variances = (kernel - gain @ kernel).diagonal().clamp_min(0.0)
            learned = learned_variance(residual - gain @ residual, variances, known.isnan())
    return learned
