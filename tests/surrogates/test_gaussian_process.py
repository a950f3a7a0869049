import math

import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models.gp_regression import SingleTaskGP
from botorch.posteriors.posterior_list import PosteriorList
from gpytorch.mlls import ExactMarginalLogLikelihood

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import training_data
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState
from moopt.surrogates.formula import formula_model
from moopt.surrogates.gaussian_process import gaussian_process
from moopt.surrogates.noise import FLOOR, LEARNED_FLOOR, PRIOR_LOCATION, learned_variance
from moopt.surrogates.outcomes import fit_outcomes, with_success

STUDY = Study(
    "learned",
    parameters=[Continuous("x", 0, 1), Continuous("y", 0, 1)],
    objectives=[
        Objective("a", Maximize, reference=0.0),
        Objective("size", Minimize, formula=lambda p: p["x"] ** 2 + 3 * p["y"]),
    ],
)


def sine(count: int, noise: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 1, generator=generator, dtype=torch.float64)
    clean = torch.sin(6 * points[:, 0])
    return points, clean + noise * torch.randn(count, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("known", [None, 0.1])
def test_noise_of_one_kind_gives_the_stock_fit(known: float | None) -> None:
    points, values = sine(20, 0.1)
    errors = torch.full_like(values, math.nan if known is None else known)
    stock = SingleTaskGP(points, values[:, None], None if known is None else (errors**2)[:, None])
    fit_gpytorch_mll(ExactMarginalLogLikelihood(stock.likelihood, stock))

    ours = gaussian_process("a", points, values, errors)

    grid = torch.linspace(0, 1, 21, dtype=torch.float64)[:, None]
    assert torch.allclose(ours.posterior(grid).mean, stock.posterior(grid).mean, atol=1e-6)
    assert torch.allclose(ours.posterior(grid).variance, stock.posterior(grid).variance, atol=1e-6)


def test_the_learned_variance_maximizes_the_marginal_posterior() -> None:
    # With the function known to be zero, measurements are independent and the posterior of their
    # variance has a closed form, whose maximum a grid finds.
    values = sine(40, 0.5)[1] * 0 + torch.linspace(-1, 1, 40, dtype=torch.float64)
    unknown = torch.ones(40, dtype=torch.bool)
    logs = torch.linspace(math.log(LEARNED_FLOOR), 2, 20001, dtype=torch.float64)
    energy = values.square().sum()
    posterior = -20 * logs - energy / 2 * (-logs).exp() - (logs - PRIOR_LOCATION) ** 2 / 2 - logs

    estimate = learned_variance(values, torch.zeros_like(values), unknown)

    assert math.log(estimate) == pytest.approx(float(logs[posterior.argmax()]), abs=1e-3)


@pytest.mark.slow
def test_unknown_noise_is_learned_beside_known_noise() -> None:
    points, values = sine(60, 0.0)
    generator = torch.Generator().manual_seed(3)
    unknown = torch.arange(60) % 2 == 0
    noise = 0.4 * torch.randn(60, generator=generator, dtype=torch.float64)
    values = values + torch.where(unknown, noise, 0.0)
    errors = torch.where(unknown, math.nan, 1e-3).double()

    model = gaussian_process("a", points, values, errors)

    learned = float(model.likelihood.noise[unknown].mean())
    assert math.log(learned) == pytest.approx(
        _best_log_noise(model, points, values, errors), abs=0.01
    )
    # The exact half pins the function down although the other half is noisy.
    grid = torch.linspace(0.1, 0.9, 17, dtype=torch.float64)[:, None]
    assert (model.posterior(grid).mean[:, 0] - torch.sin(6 * grid[:, 0])).abs().max() < 0.05


def _best_log_noise(
    model: SingleTaskGP, points: torch.Tensor, values: torch.Tensor, errors: torch.Tensor
) -> float:
    """Find the unknown noise on a grid: the largest log marginal likelihood plus log prior."""
    targets = (values - values.mean()) / values.std()
    known = errors.square() / values.var()
    with torch.no_grad():
        kernel = model.covar_module(points).to_dense()
        residual = targets - model.mean_module(points)
    grid = torch.linspace(-8, 2, 2001, dtype=torch.float64)
    noise = torch.where(known.isnan(), grid.exp()[:, None], known.clamp_min(FLOOR))
    factor = torch.linalg.cholesky(kernel + torch.diag_embed(noise))
    solved = torch.cholesky_solve(residual[:, None], factor)[..., 0]
    likelihood = -(solved @ residual) / 2 - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return float(grid[(likelihood - (grid - PRIOR_LOCATION) ** 2 / 2 - grid).argmax()])


def test_a_constant_outcome_gives_a_constant_model() -> None:
    points, _ = sine(6, 0.0)
    constant = torch.full((6,), 2.5, dtype=torch.float64)

    model = gaussian_process("a", points, constant, torch.full_like(constant, math.nan))

    assert torch.allclose(model.posterior(points).mean, constant[:, None], atol=1e-6)


def test_a_formula_is_exact_and_has_its_own_gradient() -> None:
    model = formula_model(SpaceEncoding.of(STUDY), STUDY.objectives[1])
    points = torch.tensor([[0.5, 0.25], [0.0, 1.0]], dtype=torch.float64, requires_grad=True)

    mean = model.posterior(points).mean
    mean.sum().backward()

    # Minimized, hence negated: -(x² + 3y), with slopes -2x and -3.
    assert mean[:, 0].tolist() == pytest.approx([-1.0, -3.0])
    assert points.grad is not None
    assert points.grad[0].tolist() == pytest.approx([-1.0, -3.0])
    assert points.grad[1].tolist() == pytest.approx([0.0, -3.0], abs=1e-3)


def trial(number: int, x: float, *, failed: bool = False) -> Trial:
    if failed:
        failure = Failure(FailureKind.CANDIDATE, "diverged")
        return Trial(number, {"x": x, "y": 0.5}, state=TrialState.FAILED, failure=failure)
    measured = {"a": Measurement(math.sin(x)), "size": Measurement(x**2 + 1.5, 0.0)}
    return Trial(number, {"x": x, "y": 0.5}, state=TrialState.COMPLETED, measurements=measured)


def test_failed_trials_teach_where_success_is_unlikely() -> None:
    trials = [trial(n, n / 16, failed=n > 8) for n in range(16)]
    encoding = SpaceEncoding.of(STUDY)
    data = training_data(STUDY, encoding, trials)

    model, data = with_success(fit_outcomes(encoding, data), data)

    ends = torch.tensor([[0.1, 0.5], [0.9, 0.5]], dtype=torch.float64)
    posterior = model.posterior(ends)
    assert isinstance(posterior, PosteriorList)
    success = posterior.mean[:, -1]
    assert success[0] > 0.8
    assert success[1] < 0.2
    assert [limit.outcome for limit in data.limits] == [2]
