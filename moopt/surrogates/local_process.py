"""A Gaussian process of the trials around one place, fitted quickly, as it is thrown away soon."""

import torch

from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcome_transforms import IDENTITY
from moopt.surrogates.selection import ANYWHERE, Measured, kernels_for

SIMPLE = ("rbf", ANYWHERE)
"""Kernels that are tried: around one place a function is simple."""


def local_process(measured: Measured, kernel: str | None = None) -> GaussianProcess:
    """Return the process of the simple kernels under which the measurements are likeliest.

    Nothing is remembered between calls, and no transform is tried: the measurements of one place
    are others in each call, and span few orders of magnitude.

    Args:
        measured: At least one measurement.
        kernel: Use this one. None: choose.

    Raises:
        numpy.linalg.LinAlgError: No covariance of the measurements is positive definite.
    """
    kernels = kernels_for(measured.features)
    names = [kernel] if kernel is not None else [name for name in SIMPLE if name in kernels]
    likelihoods = [measured.likelihood(kernels[name], IDENTITY) for name in names]
    fits = [fit(each, each.start) for each in likelihoods]
    best = int(torch.tensor([each.log_posterior for each in fits]).argmax())
    return GaussianProcess.of(measured.features, likelihoods[best], fits[best].theta, IDENTITY)
