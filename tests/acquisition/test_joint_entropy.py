import math
from dataclasses import replace

import pytest
import torch
from botorch.acquisition.multi_objective.joint_entropy_search import (
    qLowerBoundMultiObjectiveJointEntropySearch,
)
from torch import Tensor

from moopt.acquisition.joint_entropy import ENTROPY, joint_entropy
from moopt.errors import SelectionError
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.paths import KNOWN
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import outcomes_in

CANDIDATES = uniform(8, 1, 2, seed=5)
SITUATIONS = ["two", "three", "noisy", "limited", "pending", "alone", "alone_limited"]

each_situation = pytest.mark.parametrize("situation", SITUATIONS)


def told_by_conditioning(process: GaussianProcess, best: Tensor, value: Tensor, x: Tensor) -> float:
    """Return the entropy of a measurement that is left once the best value and place are known.

    The function at `x` is normal given that value there, and cut off above it; what is measured has
    its variance and that of the noise.
    """
    noise = process.likelihood.noise(process.theta).mean()
    mean, covariance = process.predict(torch.cat([x, best]))
    gain = covariance[0, 1] / (covariance[1, 1] + KNOWN)
    given = mean[0] + gain * (value - mean[1])
    variance = covariance[0, 0] - gain * covariance[0, 1]
    z = (value - given) / variance.sqrt()
    density = (-0.5 * z.square()).exp() / math.sqrt(2 * math.pi)
    ratio = density / torch.special.ndtr(z)
    cut = variance * (1 - ratio * (z + ratio))
    return float(ENTROPY + 0.5 * (cut + noise).log())


@pytest.mark.parametrize("situation", ["alone"])
def test_of_one_objective_it_is_the_entropy_that_the_best_value_takes_away(situation: str) -> None:
    outcomes = outcomes_in(situation)
    process = outcomes.surrogates[0]
    assert isinstance(process, GaussianProcess)
    acquisition = joint_entropy(outcomes, 0)
    noise = process.likelihood.noise(process.theta).mean()

    found = acquisition.told(CANDIDATES)

    for candidate, value in zip(CANDIDATES, found, strict=True):
        _, covariance = process.predict(candidate)
        before = ENTROPY + 0.5 * float((covariance[0, 0] + noise).log())
        left = [
            told_by_conditioning(process, place, front[0, 0], candidate)
            for place, front in zip(
                acquisition.told.pareto_sets, acquisition.told.pareto_fronts, strict=True
            )
        ]
        assert float(value) == pytest.approx(before - sum(left) / len(left), abs=2e-3)


@each_situation
def test_values_are_finite_and_have_slopes(situation: str) -> None:
    candidates = CANDIDATES.clone().requires_grad_()

    found = joint_entropy(outcomes_in(situation), 0)(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    assert found.isfinite().all()
    assert slopes.isfinite().all()


def test_the_bound_of_several_objectives_is_near_what_botorch_draws() -> None:
    acquisition = joint_entropy(outcomes_in("noisy"), 0)
    ours = acquisition.told
    drawn = qLowerBoundMultiObjectiveJointEntropySearch(
        ours.initial_model,
        ours.pareto_sets,
        ours.pareto_fronts,
        ours.hypercell_bounds,
        estimation_type="MC",
        num_samples=512,
    )

    found, expected = ours(CANDIDATES), drawn(CANDIDATES)

    assert bool((found < expected + 0.02).all())
    assert torch.allclose(found, expected, atol=0.15)


def test_what_pending_trials_tell_is_told_already() -> None:
    outcomes = outcomes_in("two")
    best = CANDIDATES[joint_entropy(outcomes, 0)(CANDIDATES).argmax()]
    before = joint_entropy(outcomes, 0)(best[None])

    after = joint_entropy(outcomes.with_pending(best[0]), 0)(best[None])

    assert float(after) < float(before) - 0.5


def test_a_limit_that_is_hardly_met_makes_a_candidate_worth_little() -> None:
    outcomes = outcomes_in("limited")
    free = replace(outcomes, data=replace(outcomes.data, limits=()))
    far = torch.tensor([[[0.95, 0.5]]], dtype=torch.float64)

    limited, unlimited = (joint_entropy(each, 0)(far) for each in (outcomes, free))

    assert float(limited) < float(unlimited) - 5


def test_an_objective_that_is_computed_is_refused() -> None:
    with pytest.raises(SelectionError, match="size is computed by a formula"):
        joint_entropy(outcomes_in("computed"), 0)
