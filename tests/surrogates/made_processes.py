"""Gaussian processes with hyperparameters that are given, not fitted."""

import torch
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.surrogates.choice_kernels import Choices
from moopt.surrogates.features import Features
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.kernels import Kernel, Stationary
from moopt.surrogates.outcome_transforms import (
    IDENTITY,
    Log,
    Logit,
    OutcomeTransform,
    YeoJohnson,
)
from moopt.surrogates.quadratic import Quadratic
from moopt.surrogates.selection import Measured
from moopt.surrogates.warped_kernels import Warped
from tests.surrogates.made_kernels import normal, uniform
from tests.surrogates.made_spaces import MIXED, numbers

UNKNOWN = float("nan")
TRANSFORMS: dict[str, OutcomeTransform] = {
    "identity": IDENTITY,
    "log": Log(1.0),
    "logit": Logit(1.0),
    "Yeo-Johnson": YeoJohnson(0.6, 0.5, 0.3),
}
SPACES: dict[str, Features] = {
    "matern": numbers(3),
    "rbf": numbers(3),
    "quadratic": numbers(3),
    "warped_matern": numbers(3),
    "choices": Features.of(MIXED),
}
"""By kernel: a space that it suits."""


def kernel_of(name: str) -> Kernel:
    groups = SPACES[name].groups
    rough, smooth = Stationary(groups, rough=True), Stationary(groups, rough=False)
    kernels: dict[str, Kernel] = {"matern": rough, "rbf": smooth, "quadratic": Quadratic(smooth)}
    kernels["warped_matern"] = Warped(rough, torch.arange(len(groups)))
    return kernels.get(name) or Choices.of(groups, (1, 4))


def points_of(features: Features, count: int, seed: int = 0) -> Tensor:
    box = SearchBox(features.encoding)
    return box.to_points(box.sobol(count, seed=seed))


def measured_in(
    features: Features,
    count: int = 12,
    *,
    errors: float | Tensor = UNKNOWN,
    exact: bool = False,
    seed: int = 0,
) -> Measured:
    """Return shares between 0 and 1, measured at points all over a space."""
    points = points_of(features, count, seed)
    values = 0.5 + 0.3 * (points @ torch.linspace(-3, 5, points.shape[1]).to(points)).sin()
    values = values + 0.1 * uniform(count, seed=seed)
    return Measured(features, points, values, torch.zeros_like(values) + errors, exact)


def process_of(
    kernel: str = "matern",
    transform: str = "identity",
    *,
    errors: float | Tensor = UNKNOWN,
    measured: Measured | None = None,
) -> GaussianProcess:
    features = SPACES[kernel]
    measured = measured or measured_in(features, errors=errors)
    likelihood = measured.likelihood(kernel_of(kernel), TRANSFORMS[transform])
    theta = likelihood.start + 0.2 * normal(len(likelihood.start))
    return GaussianProcess.of(features, likelihood, theta, TRANSFORMS[transform])


def root_mean_square(process: GaussianProcess, points: Tensor, truth: Tensor) -> float:
    """Return the error of what a process expects to be measured at points."""
    means = process.measured(process.predict(points)[0])
    return float((means - truth).square().mean().sqrt())
