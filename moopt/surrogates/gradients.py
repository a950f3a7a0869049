"""A Gaussian process that learns from gradients as well as from values.

One backward pass gives the derivatives by all coefficients of a merge, for little more than the
loss itself costs. Each is an observation of the same process: in `d` parameters a trial with its
gradient tells as much as `d + 1` numbers.

Source: Frazier, "A tutorial on Bayesian optimization", arXiv:1807.02811 (2018), section 5; Wu,
Poloczek, Wilson and Frazier, "Bayesian optimization with gradients", NeurIPS (2017).
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError, SurrogateError
from moopt.study.parameters import Continuous, Parameters
from moopt.surrogates.derivative_kernels import WithDerivatives, derivative_rows, value_rows
from moopt.surrogates.features import Features
from moopt.surrogates.fitting import fit
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.kernels import Stationary
from moopt.surrogates.marginal_likelihood import Likelihood
from moopt.surrogates.observations import FLOOR


def with_gradients(
    process: GaussianProcess,
    points: Float[Tensor, "n d"],
    slopes: Float[Tensor, "n d"],
    standard_errors: Float[Tensor, "n d"] | None = None,
) -> GaussianProcess:
    """Return a process that has also learned gradients of its function.

    Hyperparameters are learned anew from values and gradients together. What is returned takes the
    place of the process wherever one is used: in `Outcomes`, and so in `boxes`, `directions`,
    `evaluated_ei` and `knowledge_gradient`. BoTorch's acquisition functions refuse it.

    Args:
        process: Of the values, with the kernel `matern` or `rbf`, and without a transform.
        points: Rows of the unit cube at which gradients were measured, in any order.
        slopes: Derivatives by the columns of points, in the unit of the outcome, which is the
            larger the better: see `encoded_slopes`. NaN: not known.
        standard_errors: Of each slope. None: they are exact.

    Raises:
        SurrogateError: The process has another kernel or a transform, a slope is infinite, an error
            is none, there is nothing to learn, or the covariance is singular.
    """
    _check(process, points, slopes, standard_errors)
    known = ~slopes.isnan()
    which, columns = known.nonzero().unbind(dim=1)
    if not len(which):
        raise SurrogateError("no gradient is known; pass slopes of which some are numbers")
    old = process.likelihood
    observations = old.observations
    errors = torch.zeros_like(slopes) if standard_errors is None else standard_errors
    variances = (errors[known] / observations.scale).square().clamp_min(FLOOR)
    directions = _directions(process.features, points)[which, columns]
    rows = derivative_rows(process.features.of_points(points)[which], directions)
    # At no point is the value known better for a derivative: a draw there takes none of them away.
    nowhere = points.new_full((len(which), points.shape[1]), torch.nan)
    derivatives = torch.ones(len(which), dtype=torch.bool)
    likelihood = Likelihood(
        _kernel(process),
        torch.cat([value_rows(old.features, rows.shape[1]), rows]),
        replace(
            observations,
            points=torch.cat([observations.points, nowhere]),
            values=torch.cat([observations.values, slopes[known] / observations.scale]),
            variances=torch.cat([observations.variances, variances]),
            repeats=torch.cat([observations.repeats, torch.ones_like(variances)]),
        ),
        old.exact,
        torch.cat([old.of_derivatives, derivatives]),
    )
    try:
        theta = fit(likelihood).theta
        return GaussianProcess.of(process.features, likelihood, theta, process.transform)
    except np.linalg.LinAlgError as error:
        raise SurrogateError(
            f"no Gaussian process fits {len(observations.values)} values and {len(which)} slopes; "
            "look for gradients that contradict the values, or pass standard errors"
        ) from error


def encoded_slopes(
    encoding: SpaceEncoding, parameters: Parameters, gradient: Mapping[str, float], sign: float
) -> Float[Tensor, " d"]:
    """Return a gradient by parameters as one by the columns of a point.

    Args:
        encoding: Of the space.
        parameters: Where it was measured.
        gradient: By the names of continuous parameters, in their own units, as
            `moopt.merging.gradients.parameter_gradients` gives it. Others are not known.
        sign: Of the objective's direction: -1 where smaller is better.

    Raises:
        SelectionError: There is no such parameter, or it is not continuous.
    """
    found = torch.full((encoding.width,), torch.nan, dtype=torch.float64)
    blocks = {each.parameter.name: each for each in encoding.blocks}
    for name, slope in gradient.items():
        parameter = blocks[name].parameter if name in blocks else None
        if not isinstance(parameter, Continuous):
            kind = "there is none of that name" if parameter is None else type(parameter).__name__
            raise SelectionError(
                f"a derivative by {name!r} cannot be learned ({kind}); give those by continuous "
                f"parameters of study {encoding.study.name!r} only"
            )
        if name not in parameters:
            continue
        span = parameter.high - parameter.low
        if parameter.log:
            span = float(str(parameters[name])) * math.log(parameter.high / parameter.low)
        found[blocks[name].start] = sign * slope * span
    return found


def _kernel(process: GaussianProcess) -> WithDerivatives:
    kernel = process.kernel
    if isinstance(kernel, WithDerivatives):
        return kernel
    if not isinstance(kernel, Stationary) or not process.transform.is_identity:
        raise SurrogateError(
            f"gradients are learned by a plain Matérn or squared-exponential kernel, not by "
            f"{process.description}; learn the outcome with the surrogate 'matern' or 'rbf'"
        )
    return WithDerivatives(kernel)


def _check(
    process: GaussianProcess, points: Tensor, slopes: Tensor, standard_errors: Tensor | None
) -> None:
    _kernel(process)
    width = process.features.encoding.width
    if points.shape != slopes.shape or points.ndim != 2 or points.shape[1] != width:
        raise SurrogateError(
            f"gradients are rows of {width} slopes, one row a point; found points of shape "
            f"{list(points.shape)} and slopes of shape {list(slopes.shape)}"
        )
    if bool(slopes.isinf().any()) or not bool(points.isfinite().all()):
        raise SurrogateError("a slope or a point is infinite; leave such gradients out")
    if standard_errors is None:
        return
    given = standard_errors[~slopes.isnan()] if standard_errors.shape == slopes.shape else None
    if given is None or not bool((given.isfinite() & (given >= 0)).all()):
        raise SurrogateError(
            f"standard errors of slopes are numbers from 0 on, of shape {list(slopes.shape)}; "
            "leave them out for exact gradients"
        )


def _directions(features: Features, points: Float[Tensor, "n d"]) -> Float[Tensor, "n d f"]:
    """Return how the features of each point move with each of its columns."""
    moved = []
    for column in range(points.shape[1]):
        along = torch.zeros_like(points)
        along[:, column] = 1.0
        moved.append(torch.autograd.functional.jvp(features.of_points, points, along)[1])
    return torch.stack(moved, dim=1)
