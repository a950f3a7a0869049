import pytest
import torch

from moopt.acquisition.normal_tails import FAR, excess_above, log1m_exp, log_excess

mpmath = pytest.importorskip("mpmath")
mpmath.mp.dps = 50

NEAR = [8.0, 3.0, 0.5, 0.0, -1.0, -5.0, -20.0, FAR + 1e-6]
BEYOND = [FAR - 1e-6, -30.0, -100.0, -1e3, -1e4]


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("z", NEAR + BEYOND)
def test_the_logarithm_of_the_excess_and_its_ratios_have_ten_digits(z: float) -> None:
    below, density = mpmath.ncdf(z), mpmath.npdf(z)
    excess = density + z * below

    log, slope, spread = log_excess(double(z))

    assert float(log) == pytest.approx(float(mpmath.log(excess)), rel=1e-10, abs=1e-10)
    assert float(slope) == pytest.approx(float(below / excess), rel=1e-9)
    assert float(spread) == pytest.approx(float(density / excess), rel=1e-9)


@pytest.mark.parametrize("z", NEAR)
def test_the_excess_itself_has_ten_digits(z: float) -> None:
    expected = mpmath.npdf(z) + z * mpmath.ncdf(z)

    excess, below, density = excess_above(double(z))

    assert float(excess) == pytest.approx(float(expected), rel=1e-10)
    assert float(below) == pytest.approx(float(mpmath.ncdf(z)), rel=1e-12)
    assert float(density) == pytest.approx(float(mpmath.npdf(z)), rel=1e-12)


def test_the_excess_far_below_is_zero_and_never_less() -> None:
    excess, _, _ = excess_above(double(*torch.linspace(-45, -25, 999).tolist()))

    assert (excess >= 0).all()
    assert float(excess[0]) == 0.0


def test_near_and_far_values_may_come_in_one_array() -> None:
    both = double(1.0, -1e3, 0.0, -30.0).reshape(2, 2)

    together = log_excess(both)[0]

    assert together.flatten().tolist() == [float(log_excess(z)[0]) for z in both.flatten()]


@pytest.mark.parametrize("x", [-1e-13, -1e-5, -0.5, -0.6931, -0.6932, -1.0, -50.0, -800.0])
def test_the_logarithm_of_a_rest_has_ten_digits_at_both_ends(x: float) -> None:
    expected = float(mpmath.log(1 - mpmath.exp(x)))

    assert float(log1m_exp(double(x))) == pytest.approx(expected, rel=1e-10)
