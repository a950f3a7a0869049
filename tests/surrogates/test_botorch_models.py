import pytest
import torch
from botorch.acquisition.analytic import PosteriorMean
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior_list import PosteriorList
from botorch.sampling.normal import SobolQMCNormalSampler

from moopt.surrogates.botorch_models import botorch_model, botorch_process
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import outcomes_of
from tests.surrogates.made_processes import SPACES, TRANSFORMS, points_of, process_of

each_kernel = pytest.mark.parametrize("kernel", SPACES)
each_transform = pytest.mark.parametrize("transform", TRANSFORMS)


@each_kernel
@each_transform
def test_the_posterior_is_that_of_the_process(kernel: str, transform: str) -> None:
    process = process_of(kernel, transform)
    points = points_of(process.features, 5, seed=1)
    mean, covariance = process.predict(points)

    posterior = botorch_process(process).posterior(points)

    means, deviations = process.moments(mean, covariance.diagonal().sqrt())
    assert torch.allclose(posterior.mean[:, 0], means, atol=1e-6)
    assert torch.allclose(posterior.variance[:, 0].sqrt(), deviations, atol=1e-6)


@each_transform
def test_draws_have_the_median_of_the_process(transform: str) -> None:
    process = process_of(transform=transform)
    points = points_of(process.features, 4, seed=1)
    sampler = SobolQMCNormalSampler(torch.Size([1024]), seed=0)

    draws = sampler(botorch_process(process).posterior(points))

    # A median passes through an increasing function, a mean does not.
    expected = process.measured(process.predict(points)[0])
    assert draws.shape == (1024, 4, 1)
    assert torch.allclose(draws.median(dim=0).values[:, 0], expected, atol=2e-2)


@each_kernel
def test_batches_of_points_have_batches_of_posteriors(kernel: str) -> None:
    process = process_of(kernel)
    points = points_of(process.features, 6, seed=1).reshape(3, 2, -1)
    model = botorch_process(process)

    posterior = model.posterior(points)

    assert torch.allclose(posterior.mean[2], model.posterior(points[2]).mean)
    assert posterior.rsample(torch.Size([5])).shape == (5, 3, 2, 1)


@each_kernel
def test_the_slope_of_the_posterior_is_that_of_the_process(kernel: str) -> None:
    process = process_of(kernel)
    points = points_of(process.features, 3, seed=1).requires_grad_()
    (expected,) = torch.autograd.grad(process.predict(points)[0].sum(), points)

    mean = botorch_process(process).posterior(points).mean

    (slope,) = torch.autograd.grad(mean.sum(), points)
    scale = process.likelihood.observations.scale
    assert torch.allclose(slope, scale * expected, atol=1e-6)


@each_kernel
@each_transform
def test_a_fantasy_pulls_the_posterior_to_itself(kernel: str, transform: str) -> None:
    process = process_of(kernel, transform, errors=1e-3)
    points = points_of(process.features, 2, seed=1)
    model = botorch_process(process)

    fantasies = model.fantasize(points, SobolQMCNormalSampler(torch.Size([3]), seed=0))

    there = fantasies.posterior(points)
    before = model.posterior(points)
    assert there.mean.shape == (3, 2, 1)
    assert (there.variance < before.variance).all()
    assert float(there.mean.std(dim=0).min()) > 0.1 * float(before.variance.sqrt().min())


def test_a_batch_of_fantasies_has_one_posterior_each() -> None:
    process = process_of()
    points = points_of(process.features, 4, seed=1).reshape(2, 2, -1)
    sampler = SobolQMCNormalSampler(torch.Size([3]), seed=0)

    fantasies = botorch_process(process).fantasize(points, sampler)

    assert fantasies.posterior(points).mean.shape == (3, 2, 2, 1)


def test_outcomes_with_a_formula_are_a_list_of_models() -> None:
    outcomes = outcomes_of(1, formula=True)
    there = uniform(3, 1, 2, seed=1)

    posterior = botorch_model(outcomes).posterior(there)

    process, formula = outcomes.surrogates
    assert isinstance(process, GaussianProcess)
    assert isinstance(formula, Formula)
    expected = torch.cat(
        [process.measured(process.predict(there[:, 0])[0])[:, None, None], formula.compute(there)],
        dim=2,
    )
    assert isinstance(posterior, PosteriorList)
    assert torch.allclose(posterior.mean, expected, atol=1e-6)


def test_outcomes_without_a_formula_are_one_model_of_botorch() -> None:
    outcomes = outcomes_of(2, limit=0.5)
    there = uniform(3, 1, 2, seed=1)

    model = botorch_model(outcomes)

    posterior = model.posterior(there)
    first = model.subset_output([0])
    assert model.num_outputs == 3
    assert isinstance(posterior, GPyTorchPosterior)
    assert torch.allclose(PosteriorMean(first)(there), posterior.mean[:, 0, 0])
