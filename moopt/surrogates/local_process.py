"""A Gaussian process of the measurements around one place."""

from jaxtyping import Bool
from torch import Tensor

from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.selection import Measured, held_choice
from moopt.surrogates.suitable_kernels import kernels_for

CHOSEN_FROM = 120
"""Measurements, early and late ones alike, from which kernel and transform are chosen."""


def local_process(
    measured: Measured, near: Bool[Tensor, " n"], kernel: str | None = None
) -> GaussianProcess:
    """Return the process of some measurements, with hyperparameters fitted to these alone.

    Kernel and transform are those that suit all measurements; where the process is fitted begins at
    the hyperparameters of all of them.

    Args:
        measured: At least one measurement.
        near: Which of them count; at least one.
        kernel: Use this one and no transform. None: choose.

    Raises:
        numpy.linalg.LinAlgError: The covariance is not positive definite in floating point.
    """
    choice = held_choice(measured, kernel, CHOSEN_FROM)
    likelihood = measured.some(near).likelihood(
        kernels_for(measured.features)[choice.kernel], choice.transform
    )
    theta = fit(likelihood, choice.theta).theta
    return GaussianProcess.of(measured.features, likelihood, theta, choice.transform)
