import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_expit

from moopt import Maximize, Measurement, Minimize
from moopt.errors import EvaluationError
from moopt.evaluators.aggregation import (
    Aggregate,
    cvar,
    log_sigmoid_sum,
    mean,
    mean_minus_variance,
    mean_of_sample,
    worst_case,
)
from moopt.study.objectives import Direction

AGGREGATES: dict[str, Aggregate] = {
    "mean": mean,
    "mean of a sample": mean_of_sample,
    "worst case": worst_case,
    "mean minus variance": partial(mean_minus_variance, weight=0.3),
    "conditional value at risk": partial(cvar, share=0.4),
}
FIXED = [name for name in AGGREGATES if name != "mean of a sample"]
"""Whose parts are all there are: only the parts' own errors count."""

NUMBERS = st.integers(-20, 20)
PARTS = st.lists(st.builds(Measurement, NUMBERS, st.integers(0, 9)), min_size=1, max_size=8)
DIRECTIONS = st.sampled_from(Direction)


def parts(*means: float, error: float = 0.1) -> list[Measurement]:
    return [Measurement(value, error) for value in means]


def negative(measured: Measurement) -> Measurement:
    return Measurement(-measured.mean, measured.sem)


@pytest.mark.parametrize(
    ("name", "direction", "expected"),
    [
        ("mean", Maximize, 3.0),
        ("mean of a sample", Minimize, 3.0),
        ("worst case", Maximize, 1.0),
        ("worst case", Minimize, 6.0),
        ("mean minus variance", Maximize, 3.0 - 0.3 * 14 / 4),
        ("mean minus variance", Minimize, 3.0 + 0.3 * 14 / 4),
        ("conditional value at risk", Maximize, (1.0 + 0.6 * 2.0) / 1.6),
        ("conditional value at risk", Minimize, (6.0 + 0.6 * 3.0) / 1.6),
    ],
)
def test_four_parts_worked_by_hand(name: str, direction: Direction, expected: float) -> None:
    assert AGGREGATES[name](parts(2, 1, 6, 3), direction).mean == pytest.approx(expected)


@pytest.mark.parametrize("name", AGGREGATES)
@given(measured=PARTS, direction=DIRECTIONS)
def test_less_is_better_mirrors_more_is_better(
    name: str, measured: list[Measurement], direction: Direction
) -> None:
    other = Minimize if direction is Maximize else Maximize

    mirrored = AGGREGATES[name]([negative(each) for each in measured], other)

    found = negative(AGGREGATES[name](measured, direction))
    assert (mirrored.mean, mirrored.sem) == pytest.approx((found.mean, found.sem))


@pytest.mark.parametrize("name", AGGREGATES)
@given(measured=PARTS, direction=DIRECTIONS)
def test_no_aggregate_is_better_than_the_mean(
    name: str, measured: list[Measurement], direction: Direction
) -> None:
    found = AGGREGATES[name](measured, direction).mean

    assert direction.sign * (mean(measured, direction).mean - found) >= -1e-9


@given(measured=PARTS, direction=DIRECTIONS)
def test_the_ends_of_the_value_at_risk_are_the_mean_and_the_worst_case(
    measured: list[Measurement], direction: Direction
) -> None:
    whole = cvar(measured, direction, share=1.0)
    least = cvar(measured, direction, share=1 / len(measured))

    assert (whole.mean, whole.sem) == pytest.approx(
        (mean(measured, direction).mean, mean(measured, direction).sem)
    )
    assert least.mean == pytest.approx(worst_case(measured, direction).mean)


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("direction", Direction)
def test_the_standard_error_is_the_spread_under_the_noise_of_the_parts(
    name: str, direction: Direction
) -> None:
    true, errors = np.array([1.0, 2.0, 4.0, 7.0]), np.array([0.05, 0.2, 0.1, 0.15])
    draws = np.random.default_rng(0).normal(true, errors, size=(4_000, 4))
    exact = [Measurement(value, error) for value, error in zip(true, errors, strict=True)]

    values = [AGGREGATES[name](parts(*row), direction).mean for row in draws]

    assert AGGREGATES[name](exact, direction).sem == pytest.approx(np.std(values), rel=0.05)


def test_the_mean_of_a_sample_has_the_spread_between_the_parts() -> None:
    assert mean_of_sample(parts(1, 3, 5), Maximize).sem == pytest.approx(2 / math.sqrt(3))
    assert mean_of_sample(parts(4, 4, 4), Maximize).sem == pytest.approx(0.1 / math.sqrt(3))
    assert mean_of_sample([Measurement(4.0, 0.1)], Maximize) == Measurement(4.0, 0.1)


@pytest.mark.parametrize("name", FIXED)
def test_an_unknown_error_leaves_the_aggregate_without_one(name: str) -> None:
    measured = [Measurement(1.0), Measurement(2.0, 0.1), Measurement(3.0)]

    assert AGGREGATES[name](measured, Maximize).sem is None


@pytest.mark.parametrize("name", AGGREGATES)
def test_nothing_has_no_aggregate(name: str) -> None:
    with pytest.raises(EvaluationError, match="needs one or more measurements, got none"):
        AGGREGATES[name]([], Maximize)


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_is_above_zero_and_at_most_one(share: float) -> None:
    with pytest.raises(EvaluationError, match="needs a share above 0 and at most 1"):
        cvar(parts(1, 2), Maximize, share=share)


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.lists(st.integers(1, 9), min_size=3))
def test_the_log_sigmoid_is_that_of_scipy(rewards: list[int], scales: list[int]) -> None:
    found = log_sigmoid_sum(
        parts(*rewards),
        references=[1.0, 2.0, 3.0],
        scales=scales[:3],
        directions=[Maximize, Minimize, Maximize],
    )

    good = np.array([1, -1, 1]) * (np.array(rewards) - [1, 2, 3]) / np.array(scales[:3])
    assert found.mean == pytest.approx(log_expit(good).sum(), abs=1e-12)


@pytest.mark.parametrize("reward", [-1.0, 0.0, 2.0])
def test_the_error_of_a_log_sigmoid_is_its_slope_times_that_of_the_reward(reward: float) -> None:
    def combine(value: float) -> Measurement:
        return log_sigmoid_sum(parts(value), references=[0.5], scales=[2.0], directions=[Minimize])

    slope = (combine(reward + 1e-5).mean - combine(reward - 1e-5).mean) / 2e-5

    assert combine(reward).sem == pytest.approx(abs(slope) * 0.1, rel=1e-4)


def test_all_good_is_worth_more_than_one_very_good() -> None:
    balanced, lopsided = (
        log_sigmoid_sum(parts(*rewards), references=[0.0, 0.0])
        for rewards in ((1.0, 1.0), (9.0, -1.0))
    )

    assert balanced.mean > lopsided.mean


def test_a_scale_is_above_zero() -> None:
    with pytest.raises(EvaluationError, match=r"needs? scales above 0, got \[0.0\]"):
        log_sigmoid_sum(parts(1), references=[0.0], scales=[0.0])
