import pytest
import torch
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.transforms.input import Warp
from gpytorch.kernels import MaternKernel
from gpytorch.means import ConstantMean
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor
from torch.distributions import Normal

from moopt.surrogates.botorch_models import botorch_process
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.kernels import Kernel
from moopt.surrogates.marginal_likelihood import JITTER
from moopt.surrogates.warped_kernels import (
    SHAPE_VARIANCE,
    Shapes,
    Warped,
    shape_slopes,
    warp_slope,
    warped,
)
from tests.surrogates.made_kernels import (
    KERNELS,
    MATERN,
    WARPED_COLUMNS,
    near_start,
    normal,
    uniform,
)
from tests.surrogates.made_processes import UNKNOWN, points_of, process_of

WARPED = Warped(MATERN, WARPED_COLUMNS)
UNWARPED = [each for each in KERNELS.values() if not isinstance(each, Warped)]


def log_shapes(columns: int, seed: int = 0) -> Tensor:
    return 0.7 * normal(2 * columns, seed=seed)


def shapes_of(logarithms: Tensor) -> Shapes:
    return Shapes(*logarithms.exp().chunk(2))


def theirs(columns: int, shapes: Shapes) -> Warp:
    bounds = torch.tensor([[0.0] * columns, [1.0] * columns])
    warp = Warp(columns, indices=list(range(columns)), bounds=bounds).double()
    warp.concentration1.data, warp.concentration0.data = shapes.lower, shapes.upper
    warp.requires_grad_(requires_grad=False)
    return warp.eval()


def botorch_twin(process: GaussianProcess) -> SingleTaskGP:
    """Return BoTorch's process of the same hyperparameters, in standardized units."""
    likelihood, columns = process.likelihood, process.features.group_count
    theta = process.kernel_theta
    kernel, mean = MaternKernel(nu=2.5, ard_num_dims=columns).double(), ConstantMean().double()
    kernel.lengthscale, mean.constant = theta[:columns].exp(), process.constant
    noise = likelihood.noise(process.theta) + JITTER
    model = SingleTaskGP(
        likelihood.observations.points,
        likelihood.observations.values[:, None],
        train_Yvar=noise[:, None],
        covar_module=kernel,
        mean_module=mean,
        input_transform=theirs(columns, shapes_of(theta[columns:])),
        outcome_transform=None,
    )
    model.requires_grad_(requires_grad=False)
    return model


@pytest.mark.parametrize("kernel", UNWARPED)
def test_shapes_of_one_change_nothing(kernel: Kernel) -> None:
    left, right, theta = uniform(5, 4), uniform(7, 4, seed=1), near_start(kernel)
    unwarped = Warped(kernel, WARPED_COLUMNS)

    matrix = unwarped.gram(left, right, unwarped.extended(theta)).matrix

    assert torch.allclose(matrix, kernel.gram(left, right, theta).matrix, atol=1e-5)
    assert torch.allclose(unwarped.start, unwarped.extended(kernel.start))


def test_columns_are_warped_as_by_botorch() -> None:
    points, shapes = uniform(50, 3), shapes_of(log_shapes(3))
    points[0], points[1] = 0.0, 1.0

    expected = theirs(3, shapes)(points)

    assert torch.allclose(warped(points, shapes), expected, atol=1e-12)


def test_a_low_shape_below_one_stretches_the_low_end() -> None:
    column = torch.tensor([[0.0], [0.25], [1.0]], dtype=torch.float64)
    half, one = column.new_tensor([0.5]), column.new_ones(1)

    low, high = warped(column, Shapes(half, one)), warped(column, Shapes(one, half))

    # The square root of a quarter; one minus the square root of three quarters.
    assert low[:, 0].tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-3)
    assert high[:, 0].tolist() == pytest.approx([0.0, 1 - 0.75**0.5, 1.0], abs=1e-3)


def test_the_slopes_of_a_warping_are_those_of_autograd() -> None:
    points = uniform(20, 3).requires_grad_()
    logarithms = log_shapes(3).requires_grad_()
    value = warped(points, shapes_of(logarithms))

    by_points, by_shapes = torch.autograd.grad(value.sum(), [points, logarithms])

    with torch.no_grad():
        shapes = shapes_of(logarithms)
        found = torch.cat([each.sum(dim=0) for each in shape_slopes(points, shapes)])
        assert torch.allclose(warp_slope(points, shapes), by_points)
        assert torch.allclose(found, by_shapes)


@pytest.mark.parametrize("seed", range(4))
def test_slopes_at_the_edges_are_finite(seed: int) -> None:
    edges = torch.tensor([[0.0] * 4, [1.0] * 4, [1.0, 0.0, 0.5, 0.0]], dtype=torch.float64)
    theta = torch.cat([MATERN.start, 3.0 * log_shapes(2, seed).sign()])
    gram = WARPED.gram(edges, edges, theta)

    assert gram.by_theta(torch.ones(3, 3).double()).isfinite().all()
    assert gram.by_input(torch.ones(3, 3).double()).isfinite().all()


def test_logarithms_of_shapes_are_normal_around_the_identity() -> None:
    theta = near_start(WARPED)

    more = WARPED.log_prior(theta)[0] - MATERN.log_prior(theta[:3])[0]

    prior = Normal(0.0, SHAPE_VARIANCE**0.5)
    expected = (prior.log_prob(theta[3:]) - prior.log_prob(torch.tensor(0.0))).sum()
    assert float(more) == pytest.approx(float(expected))


@pytest.mark.parametrize("errors", [UNKNOWN, 0.05])
def test_the_posterior_is_that_of_botorch_with_warped_inputs(errors: float) -> None:
    process = process_of("warped_matern", errors=errors)
    points = points_of(process.features, 20, seed=1)

    expected = botorch_twin(process).eval().posterior(points)

    mean, covariance = process.predict(points)
    assert torch.allclose(mean, expected.mean[:, 0], atol=1e-6)
    assert torch.allclose(covariance.diagonal(), expected.variance[:, 0], atol=1e-6)


def test_the_marginal_likelihood_is_that_of_botorch_with_warped_inputs() -> None:
    process = process_of("warped_matern", errors=0.05)
    likelihood, columns = process.likelihood, process.features.group_count
    shapes = slice(columns, 3 * columns)

    def both(theta: Tensor) -> tuple[float, float]:
        there = GaussianProcess.of(process.features, likelihood, theta, process.transform)
        model = botorch_twin(there).train()
        density = ExactMarginalLogLikelihood(model.likelihood, model)
        known = model.train_targets
        evidence = density(model(*model.train_inputs), known) * len(known)
        prior = likelihood.kernel.log_prior(theta[:-4])[0]
        return likelihood.log_posterior(theta)[0] - float(prior), float(evidence)

    other = process.theta.clone()
    other[shapes] = log_shapes(columns, seed=1)
    (ours, expected), (ours_there, expected_there) = both(process.theta), both(other)
    assert ours - ours_there == pytest.approx(expected - expected_there, abs=1e-6)


def test_the_model_of_botorch_has_the_posterior_of_botorch_with_warped_inputs() -> None:
    process = process_of("warped_matern")
    points = points_of(process.features, 20, seed=1)
    observations = process.likelihood.observations

    posterior = botorch_process(process).posterior(points)

    expected = botorch_twin(process).eval().posterior(points)
    means = observations.location + observations.scale * expected.mean
    assert torch.allclose(posterior.mean, means, atol=1e-6)
    variances = observations.scale**2 * expected.variance
    assert torch.allclose(posterior.variance, variances, atol=1e-6)
