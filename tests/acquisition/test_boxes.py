import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
from botorch.utils.multi_objective.box_decompositions.non_dominated import (
    NondominatedPartitioning,
)
from botorch.utils.sampling import draw_sobol_samples
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moopt.acquisition.boxes import VANISHING, Boxes, log_expected_gain
from moopt.surrogates.botorch_models import botorch_model, botorch_process
from moopt.surrogates.gaussian_process import GaussianProcess
from tests.strategies import Points
from tests.surrogates.made_kernels import normal, uniform
from tests.surrogates.made_outcomes import outcomes_of

mpmath = pytest.importorskip("mpmath")
mpmath.mp.dps = 50


def front(objectives: int, seed: int = 0) -> Points:
    return np.random.default_rng(seed).uniform(-0.2, 1, (6, objectives))


def above_zero(*fronts: Points, aspiration: float | None = None) -> Boxes:
    objectives = fronts[0].shape[1]
    ends = None if aspiration is None else np.full(objectives, aspiration)
    return Boxes.above(fronts, np.zeros(objectives), ends)


def one_by_one(means: Sequence[float], deviations: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return moments of one candidate against one front."""
    mean, deviation = (torch.tensor(each, dtype=torch.float64) for each in (means, deviations))
    return mean[:, None, None], deviation[:, None, None]


def gain_by_integral(
    points: Points, means: Tensor, deviations: Tensor, aspiration: float = math.inf
) -> float:
    """Return the integral over what no point dominates of the probability to dominate it."""
    top = (means + 5 * deviations).clamp_min(0.1).clamp_max(aspiration)
    there = (
        top
        * draw_sobol_samples(torch.tensor([[0.0], [1.0]]).expand(2, len(top)), 2**16, 1, seed=0)[
            :, 0
        ]
    )
    dominated = (torch.from_numpy(points)[:, None] >= there).all(dim=2).any(dim=0)
    chances = torch.special.ndtr((means - there) / deviations).prod(dim=1)
    return float((chances * ~dominated).mean() * top.prod())


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("middle", [-0.3, 0.5, 1.2])
def test_the_expected_gain_is_an_integral_of_probabilities(objectives: int, middle: float) -> None:
    points = front(objectives)
    means = middle + 0.2 * normal(objectives)
    deviations = 0.1 + 0.4 * uniform(objectives)

    found = log_expected_gain(
        above_zero(points), means[:, None, None], deviations[:, None, None]
    ).exp()

    assert float(found) == pytest.approx(gain_by_integral(points, means, deviations), rel=0.02)


def test_the_expected_gain_of_one_objective_is_botorchs_expected_improvement() -> None:
    outcomes, candidates = outcomes_of(1, noise=0.0), uniform(40, 1, 2, seed=9)
    (process,), measured = outcomes.surrogates, outcomes.data.outcomes
    assert isinstance(process, GaussianProcess)
    model = botorch_process(process)
    posterior = model.posterior(candidates)
    boxes = Boxes.above([measured.numpy()], outcomes.data.reference_point.numpy())

    found = log_expected_gain(
        boxes, posterior.mean[None, :, 0], posterior.variance[None, :, 0].sqrt()
    )[:, 0]

    expected = LogExpectedImprovement(model, best_f=measured.max())(candidates)
    # Far tails are among them, where the gain itself is too small for a floating-point number.
    assert float(expected.min()) < VANISHING
    assert torch.allclose(found, expected, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("middle", [-0.3, 0.5, 1.2])
def test_the_expected_gain_ends_at_the_aspirations(objectives: int, middle: float) -> None:
    points = front(objectives)
    means = middle + 0.2 * normal(objectives)
    deviations = 0.1 + 0.4 * uniform(objectives)

    found = log_expected_gain(
        above_zero(points, aspiration=0.9), means[:, None, None], deviations[:, None, None]
    ).exp()

    expected = gain_by_integral(points, means, deviations, aspiration=0.9)
    assert float(found) == pytest.approx(expected, rel=0.02, abs=1e-12)


def test_a_box_that_a_candidate_surely_fills_is_worth_its_volume() -> None:
    # Below (4, 3) the point (2, 1) leaves 2 * 3 beside it and 2 * 2 above it.
    boxes = Boxes.above([np.array([[2.0, 1.0]])], np.zeros(2), np.array([4.0, 3.0]))

    found = log_expected_gain(boxes, *one_by_one([50.0, 1e3], [0.1, 2.0]))

    assert float(found.exp()) == pytest.approx(10.0)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_aspirations_that_are_far_away_change_nothing(objectives: int) -> None:
    fronts, means = [front(objectives), front(objectives, 1)], 0.3 * normal(objectives, 3, 2)
    deviations = 0.3 + uniform(objectives, 3, 2)

    far = log_expected_gain(above_zero(*fronts, aspiration=1e3), means, deviations)

    expected = log_expected_gain(above_zero(*fronts), means, deviations)
    assert torch.allclose(far, expected, rtol=1e-12)


def test_a_front_that_reaches_all_aspirations_leaves_the_gain_to_the_others() -> None:
    reached, other = np.array([[1.0, 2.0], [0.4, 3.0]]), front(2) / 4
    means, deviations = normal(2, 3, 2), 1 + uniform(2, 3, 2)

    boxes = above_zero(reached, other, aspiration=0.9)
    found = log_expected_gain(boxes, means, deviations)

    alone = log_expected_gain(
        above_zero(other, aspiration=0.9), means[..., 1:], deviations[..., 1:]
    )
    assert not boxes.is_empty
    assert found[:, 0].tolist() == [-math.inf] * 3
    assert torch.allclose(found[:, 1:], alone)


def test_fronts_that_reach_all_aspirations_leave_no_box() -> None:
    assert above_zero(np.array([[1.0, 2.0]]), np.array([[0.9, 0.9]]), aspiration=0.9).is_empty


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_expected_gain_is_that_of_botorch(objectives: int) -> None:
    outcomes, candidates = outcomes_of(objectives), uniform(6, 2, seed=9)
    reference, values = outcomes.data.reference_point, outcomes.data.outcomes
    theirs = ExpectedHypervolumeImprovement(
        botorch_model(outcomes), reference.tolist(), NondominatedPartitioning(reference, values)
    )
    moments = [
        each.moments(mean, covariance.diagonal().sqrt())
        for each in outcomes.surrogates
        if isinstance(each, GaussianProcess)
        for mean, covariance in [each.predict(candidates)]
    ]
    means, deviations = (torch.stack(each)[..., None] for each in zip(*moments, strict=True))

    boxes = Boxes.above([values.numpy()], reference.numpy())
    found = log_expected_gain(boxes, means, deviations)[:, 0].exp()

    assert found.tolist() == pytest.approx(theirs(candidates[:, None]).tolist(), rel=1e-4)


def log_gain_beside(
    point: Sequence[float], means: Sequence[float], deviations: Sequence[float]
) -> float:
    """Return the log of the expected gain beside one point above zero, from fifty digits."""
    z = [
        [(mpmath.mpf(mean) - low) / deviation for low in (0.0, corner)]
        for mean, deviation, corner in zip(means, deviations, point, strict=True)
    ]
    (left, right), (low, high) = (
        [deviation * (mpmath.npdf(each) + each * mpmath.ncdf(each)) for each in row]
        for deviation, row in zip(deviations, z, strict=True)
    )
    # Right of the point from the reference up, and above the point to its left.
    return float(mpmath.log(right * low + (left - right) * high))


@pytest.mark.parametrize("distance", [0.0, 10.0, 33.0, 34.0, 36.0, 50.0, 1e3, 1e4])
def test_the_gain_beside_one_point_is_right_wherever_a_candidate_is(distance: float) -> None:
    point, means, deviations = [1.0, 2.0], [1.5 - distance, 1.2 - 0.1 * distance], [1.0, 0.7]

    found = log_expected_gain(above_zero(np.array([point])), *one_by_one(means, deviations))

    expected = log_gain_beside(point, means, deviations)
    assert float(found) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("aspiration", [None, 1.1])
@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("distance", [0.0, 3.0, 10.0])
def test_slopes_are_those_of_finite_differences(
    objectives: int, distance: float, aspiration: float | None
) -> None:
    boxes = above_zero(front(objectives), front(objectives, seed=1), aspiration=aspiration)
    means = (0.3 * normal(objectives, 3, 2) - distance).requires_grad_()
    deviations = (0.3 + uniform(objectives, 3, 2)).requires_grad_()

    assert torch.autograd.gradcheck(
        lambda *moments: log_expected_gain(boxes, *moments), (means, deviations), atol=1e-4
    )


@pytest.mark.parametrize("aspiration", [None, 1.1])
@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_slopes_are_right_where_gains_are_far_below_what_a_number_holds(
    objectives: int, aspiration: float | None
) -> None:
    boxes = above_zero(front(objectives), front(objectives, seed=1), aspiration=aspiration)
    means = (0.3 * normal(objectives, 3, 2) - 20.0).requires_grad_()
    deviations = (0.2 + 0.2 * uniform(objectives, 3, 2)).requires_grad_()

    def value(*moments: Tensor) -> Tensor:
        return log_expected_gain(boxes, *moments)

    assert value(means, deviations).max() < VANISHING
    assert torch.autograd.gradcheck(value, (means, deviations), eps=1e-5, rtol=1e-5)


@st.composite
def extremes(draw: st.DrawFn) -> tuple[Boxes, Tensor, Tensor]:
    objectives = draw(st.integers(1, 4))
    shape = (objectives, 2, 2)
    count = int(np.prod(shape))
    means = draw(st.lists(st.floats(-1e6, 1e6), min_size=count, max_size=count))
    logs = draw(st.lists(st.floats(-8, 4), min_size=count, max_size=count))
    seeds = draw(st.tuples(st.integers(0, 99), st.integers(0, 99)))
    aspiration = draw(st.sampled_from([None, 1.1]))
    return (
        above_zero(*(front(objectives, seed) for seed in seeds), aspiration=aspiration),
        torch.tensor(means).double().reshape(shape),
        (10.0 ** torch.tensor(logs).double()).reshape(shape),
    )


def test_a_gain_of_fewer_digits_than_a_normal_number_has_no_infinite_slope() -> None:
    # Beside a gain that counts: alone it would be computed from logarithms.
    means = torch.tensor([[[-36.9, 0.0]]], dtype=torch.float64, requires_grad=True)
    deviations = torch.full_like(means, 0.975, requires_grad=True)
    boxes = Boxes.above([np.empty((0, 1))] * 2, np.zeros(1))

    gains = log_expected_gain(boxes, means, deviations)
    gains.sum().backward()

    assert gains.tolist() == [[-math.inf, pytest.approx(-0.944, abs=1e-3)]]
    for slopes in (means.grad, deviations.grad):
        assert slopes is not None
        assert slopes.isfinite().all()


@given(extremes())
def test_nothing_is_lost_however_extreme_a_candidate_is(
    case: tuple[Boxes, Tensor, Tensor],
) -> None:
    boxes, means, deviations = case
    means, deviations = means.requires_grad_(), deviations.requires_grad_()

    values = log_expected_gain(boxes, means, deviations).logsumexp(dim=1)

    slopes = torch.autograd.grad(values.sum(), (means, deviations))
    assert values.isfinite().all()
    assert not torch.cat(slopes).isnan().any()


def test_each_candidate_meets_each_front() -> None:
    fronts, means, deviations = [front(2), front(2, 1)[:2]], normal(2, 3, 2), 1 + uniform(2, 3, 2)

    together = log_expected_gain(above_zero(*fronts), means, deviations)

    second = log_expected_gain(above_zero(fronts[1]), means[..., 1:], deviations[..., 1:])
    assert together.shape == (3, 2)
    assert torch.allclose(together[:, 1:], second)


def test_above_an_empty_front_the_gain_is_a_product() -> None:
    # A normal variable with mean 0 and deviation 1 exceeds 0 by 1/√(2π) on average.
    boxes = Boxes.above([np.empty((0, 2))], np.zeros(2))

    found = log_expected_gain(boxes, *one_by_one([0.0, 0.0], [1.0, 1.0]))

    assert float(found.exp()) == pytest.approx(1 / (2 * np.pi))
