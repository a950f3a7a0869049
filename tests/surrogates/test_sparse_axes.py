import torch
from gpytorch.kernels import MaternKernel
from gpytorch.priors import HalfCauchyPrior

from moopt.surrogates.sparse_axes import SHRINKAGE, SparseAxes
from tests.surrogates.made_kernels import GROUPS, near_start, uniform

SPARSE = SparseAxes.of(GROUPS)


def test_the_kernel_is_the_mean_of_gpytorchs() -> None:
    left, right, theta = uniform(5, 4), uniform(7, 4, seed=1), near_start(SPARSE)
    terms = []
    for part in theta.split(SPARSE.term.count):
        term = MaternKernel(nu=2.5, ard_num_dims=4).double()
        term.lengthscale = part.exp()[GROUPS]
        terms.append(term(left, right).to_dense())

    matrix = SPARSE.gram(left, right, theta).matrix

    assert torch.allclose(matrix, torch.stack(terms).mean(dim=0), atol=1e-9)


def test_inverse_squared_lengthscales_are_half_cauchy() -> None:
    theta, start = near_start(SPARSE), SPARSE.start
    expected = torch.zeros(())
    for scale, here, there in zip(SPARSE.scales, theta.split(3), start.split(3), strict=True):
        prior = HalfCauchyPrior(torch.tensor(scale, dtype=torch.float64))
        expected = (
            expected
            + (prior.log_prob((-2 * here).exp()) - prior.log_prob((-2 * there).exp())).sum()
        )

    lead = SPARSE.log_prior(theta)[0] - SPARSE.log_prior(start)[0]

    assert torch.allclose(lead, expected)


def test_scales_are_quantiles_of_their_own_distribution() -> None:
    prior = HalfCauchyPrior(torch.tensor(SHRINKAGE, dtype=torch.float64))

    shares = prior.cdf(torch.tensor(SPARSE.scales, dtype=torch.float64))

    assert torch.allclose(shares, torch.tensor([0.125, 0.375, 0.625, 0.875]).double())
