import math
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.gain_per_cost import GainPerCost, best_log_rate, explained_share
from moopt.acquisition.hypervolume import noisy_hypervolume_improvement
from moopt.encoding.fidelities import FidelityEncoding
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.surrogates.cost import FidelityCost
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from tests.samplers.fidelity_runs import CURVES, EPOCHS, curves
from tests.surrogates.made_kernels import uniform

POINTS = uniform(6, 2, seed=5)
gains = hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(-20, 5))
cost = st.floats(0.01, 10)


@cache
def situation(kernel: str = "matern") -> tuple[FidelityEncoding, Outcomes, GainPerCost]:
    """Return what is believed after twelve brief, four longer and four whole evaluations."""
    encoding = FidelityEncoding.of(CURVES, EPOCHS)
    trials = [
        Trial(
            number,
            {"rate": float(rate), "width": float(width)},
            state=TrialState.COMPLETED,
            fidelity=fidelity,
            measurements={
                name: Measurement(value)
                for name, value in curves(
                    {"rate": float(rate), "width": float(width)}, fidelity
                ).items()
            },
        )
        for number, ((rate, width), fidelity) in enumerate(
            zip(uniform(20, 2, seed=1).tolist(), [1.0] * 12 + [3.0] * 4 + [9.0] * 4, strict=True)
        )
    ]
    data = encoding.training_data(CURVES, trials, trials)
    outcomes = learn_outcomes(encoding.space, data, kernel)
    gain = noisy_hypervolume_improvement(outcomes.restricted(encoding.at_high(data)), 0)
    cost = FidelityCost(EPOCHS)
    return encoding, outcomes, GainPerCost.of(gain, outcomes.surrogates, encoding, cost, 0)


@pytest.mark.parametrize("kernel", ["matern", "quadratic", "rbf"])
def test_the_explained_share_is_that_of_conditioning_by_brute_force(kernel: str) -> None:
    encoding, outcomes, _ = situation(kernel)
    process = outcomes.surrogates[0]
    assert isinstance(process, GaussianProcess)
    here, there = encoding.at(POINTS, 3.0), encoding.at(POINTS, 9.0)
    noise = process.likelihood.noise(process.theta)
    # Four of them were at this fidelity, and have the same noise.
    usual = noise[12]
    for row in range(len(POINTS)):
        pair = torch.stack([here[row], there[row]])
        seen = process.features.of_points(pair)
        features = torch.cat([process.likelihood.features, seen])
        joint = process.kernel.gram(features, features, process.kernel_theta).matrix
        count = len(noise)
        before = joint[:count, :count] + (noise + 1e-8).diag()
        prior = joint[-1, -1] - joint[-1, :count] @ torch.linalg.solve(before, joint[:count, -1])
        known = joint[: count + 1, : count + 1] + torch.cat([noise + 1e-8, usual[None]]).diag()
        after = joint[-1, -1] - joint[-1, :-1] @ torch.linalg.solve(known, joint[:-1, -1])
        expected = 1.0 - after / prior
        share = explained_share(process, here[row : row + 1], there[row : row + 1])
        assert float(share) == pytest.approx(float(expected), abs=1e-5)


def test_a_whole_evaluation_is_worth_expected_hypervolume_improvement() -> None:
    encoding, outcomes, worth = situation()
    whole = outcomes.restricted(encoding.at_high(outcomes.data))
    gain = noisy_hypervolume_improvement(whole, 0)
    expected = gain(encoding.at(POINTS, 9.0)[:, None, :])
    assert torch.equal(worth.whole(POINTS), expected)
    after = worth.whole(POINTS, after=3.0)
    assert torch.allclose(after, expected - math.log(2 / 3))


def test_a_look_tells_what_it_explains_of_all_outcomes_over_its_cost() -> None:
    encoding, _, worth = situation()
    there = encoding.at(POINTS, 9.0)
    for fidelity in (1.0, 3.0):
        here = encoding.at(POINTS, fidelity)
        shares = [float(explained_share(each, here, there).mean()) for each in worth.surrogates]
        expected = sum(shares) / len(shares) / EPOCHS.cost(fidelity)
        assert worth.told(POINTS, fidelity) == pytest.approx(expected)
    assert worth.told(POINTS, 9.0) == 1.0


def test_a_brief_evaluation_is_worth_the_average_over_what_it_may_show() -> None:
    # Going on in any case is a rule as well: it earns the expected gain over the whole cost.
    _, _, worth = situation()
    for fidelity in (1.0, 3.0):
        assert (worth.at(POINTS, fidelity) > worth.whole(POINTS) - 0.3).all()


def test_the_rate_has_the_slope_that_differences_show() -> None:
    _, _, worth = situation()
    points = POINTS.clone().requires_grad_()
    (slope,) = torch.autograd.grad(worth.at(points, 3.0).sum(), points)
    step = 1e-5
    for column in range(2):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[column] = step
        with torch.no_grad():
            change = worth.at(POINTS + shift, 3.0) - worth.at(POINTS - shift, 3.0)
        assert torch.allclose(slope[:, column], change / (2 * step), rtol=1e-3, atol=1e-3)


@given(gains, cost, cost)
def test_the_best_rule_is_the_best_of_all_sets_of_results(
    values: Float[np.ndarray, " n"], now: float, later: float
) -> None:
    count = len(values)
    rates = []
    for chosen in range(1, 2**count):
        kept = [value for place, value in enumerate(values) if chosen >> place & 1]
        earned = sum(math.exp(value) for value in kept) / count
        rates.append(math.log(earned / (now + len(kept) / count * later)))
    found = best_log_rate(torch.tensor(values)[None], tensor(now), tensor(later))
    assert float(found) == pytest.approx(max(rates), abs=1e-9)


def tensor(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)
