import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import lognorm, skew, yeojohnson
from torch import Tensor

from moopt.surrogates.outcome_transforms import (
    IDENTITY,
    Log,
    Logit,
    OutcomeTransform,
    YeoJohnson,
    fitting_transforms,
)

powers = st.floats(0.1, 1.9)
yeo_johnsons = st.builds(YeoJohnson, powers, st.floats(-5, 5), st.floats(0.1, 10))
positive, shares, anything = st.floats(1e-6, 1e6), st.floats(1e-3, 0.999), st.floats(-100, 100)


def pairs(
    transforms: st.SearchStrategy[OutcomeTransform], values: st.SearchStrategy[float], sign: float
) -> st.SearchStrategy[tuple[OutcomeTransform, list[float]]]:
    signed = st.lists(values.map(lambda each: sign * each), min_size=2, max_size=6, unique=True)
    return st.tuples(transforms, signed)


cases = st.one_of(
    pairs(st.just(IDENTITY), anything, 1.0),
    pairs(st.just(Log(1.0)), positive, 1.0),
    pairs(st.just(Log(-1.0)), positive, -1.0),
    pairs(st.just(Logit(1.0)), shares, 1.0),
    pairs(st.just(Logit(-1.0)), shares, -1.0),
    pairs(yeo_johnsons, anything, 1.0),
)
each_case = given(cases)


def doubles(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@each_case
def test_what_is_transformed_can_be_told_back(case: tuple[OutcomeTransform, list[float]]) -> None:
    transform, values = case

    back = transform.inverse(transform.forward(doubles(values)))

    assert back.tolist() == pytest.approx(values, rel=1e-6, abs=1e-6)


@each_case
def test_larger_stays_larger(case: tuple[OutcomeTransform, list[float]]) -> None:
    transform, values = case

    assert (transform.forward(doubles(sorted(values))).diff() >= 0).all()


@each_case
def test_the_slope_is_that_of_autograd(case: tuple[OutcomeTransform, list[float]]) -> None:
    transform, values = case[0], doubles(case[1]).requires_grad_()

    (slope,) = torch.autograd.grad(transform.forward(values).sum(), values)

    assert transform.log_slope(values).tolist() == pytest.approx(slope.log().tolist(), abs=1e-9)


@each_case
def test_the_way_back_is_differentiable_anywhere(
    case: tuple[OutcomeTransform, list[float]],
) -> None:
    modelled = torch.linspace(-3, 3, 7, dtype=torch.float64).requires_grad_()

    (slope,) = torch.autograd.grad(case[0].inverse(modelled).sum(), modelled)

    assert (slope > 0).all()


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0.2, 0.9], ["identity", "log", "logit", "Yeo-Johnson"]),
        ([-0.2, -0.9], ["identity", "log", "logit", "Yeo-Johnson"]),
        ([0.2, 9.0], ["identity", "log", "Yeo-Johnson"]),
        ([-0.2, -9.0], ["identity", "log", "Yeo-Johnson"]),
        ([-1.0, 0.5], ["identity", "Yeo-Johnson"]),
        ([0.0, 0.5], ["identity", "Yeo-Johnson"]),
    ],
)
def test_a_transform_is_offered_where_all_values_have_one(
    values: list[float], names: list[str]
) -> None:
    assert [each.name for each in fitting_transforms(doubles(values))] == names


@given(yeo_johnsons, st.lists(anything, min_size=1))
def test_yeo_johnson_is_that_of_scipy(transform: YeoJohnson, values: list[float]) -> None:
    standard = (doubles(values) - transform.location) / transform.scale

    expected = yeojohnson(standard.numpy(), lmbda=transform.power)

    assert transform.forward(doubles(values)).numpy() == pytest.approx(expected)


def test_the_power_makes_skewed_values_more_even() -> None:
    values = torch.from_numpy(lognorm.ppf(np.linspace(0.01, 0.99, 99), 1.0))

    modelled = YeoJohnson.of(values).forward(values)

    assert abs(skew(modelled.numpy())) < skew(values.numpy()) / 2


def test_a_constant_outcome_can_be_transformed() -> None:
    values = doubles([2.5, 2.5, 2.5])

    assert YeoJohnson.of(values).forward(values).tolist() == [0.0, 0.0, 0.0]
