from collections.abc import Callable

import pytest
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement

from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.acquisition.monte_carlo import monte_carlo_hypervolume, random_scalarization
from moopt.surrogates.outcomes import Outcomes
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import SITUATIONS, aspiring, outcomes_in, outcomes_of

CANDIDATES = uniform(8, 1, 2, seed=5)


each_situation = pytest.mark.parametrize("situation", SITUATIONS)


@each_situation
def test_the_hypervolume_of_botorch_prefers_what_ours_prefers(situation: str) -> None:
    outcomes = outcomes_in(situation)
    expected = noisy_hypervolume_improvement(outcomes, 0, 64)(CANDIDATES)

    found = monte_carlo_hypervolume(outcomes, 0)(CANDIDATES)

    best = expected.argmax()
    assert float(found[best]) > float(found.max()) - 0.3
    assert float(found[best]) == pytest.approx(float(expected[best]), abs=0.5)


@pytest.mark.parametrize("aspirations", [[-0.1, torch.inf], [torch.inf, -0.1]])
def test_the_hypervolume_of_botorch_counts_what_ours_counts(aspirations: list[float]) -> None:
    outcomes = aspiring(outcomes_in("two"), aspirations)
    expected = noisy_hypervolume_improvement(outcomes, 0, 64)(CANDIDATES)

    found = monte_carlo_hypervolume(outcomes, 0)(CANDIDATES)

    best = expected.argmax()
    assert float(found[best]) > float(found.max()) - 0.3
    assert float(found[best]) == pytest.approx(float(expected[best]), abs=0.5)


@pytest.mark.parametrize("build", [monte_carlo_hypervolume, random_scalarization])
@pytest.mark.parametrize("aspiration", [-0.3, -9.0])
def test_acquisitions_of_botorch_are_finite_where_aspirations_are_reached(
    build: Callable[[Outcomes, int], AcquisitionFunction], aspiration: float
) -> None:
    outcomes = aspiring(outcomes_in("two"), [aspiration, -9.0])
    candidates = CANDIDATES.clone().requires_grad_()

    found = build(outcomes, 0)(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    assert found.isfinite().all()
    assert slopes.isfinite().all()


@each_situation
def test_random_scalarizations_are_finite_and_have_slopes(situation: str) -> None:
    outcomes = outcomes_in(situation)
    candidates = CANDIDATES.clone().requires_grad_()

    found = random_scalarization(outcomes, 0)(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    assert found.isfinite().all()
    assert slopes.isfinite().all()


def test_outcomes_beside_a_formula_are_drawn_independently() -> None:
    outcomes = outcomes_of(2, formula=True)
    acquisition = monte_carlo_hypervolume(outcomes, 0)
    assert isinstance(acquisition, qLogNoisyExpectedHypervolumeImprovement)
    assert acquisition.sampler is not None

    drawn = acquisition.sampler(acquisition.model.posterior(outcomes.data.points))

    standard = (drawn - drawn.mean(dim=0)) / drawn.std(dim=0)
    correlations = (standard[..., 0] * standard[..., 1]).mean(dim=0)
    assert float(correlations.mean().abs()) < 0.3
