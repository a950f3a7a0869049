import pytest
import torch
from torch import Tensor

from moopt.acquisition.feasibility import log_probability_of_feasibility
from moopt.encoding.training_data import Limit


def test_probabilities_of_independent_limits_multiply() -> None:
    means = [torch.tensor([[0.0]]).double(), torch.tensor([[1.0]]).double()]
    deviations = [torch.tensor([[1.0]]).double(), torch.tensor([[2.0]]).double()]
    limits = [Limit(0, 1.0, 0.0), Limit(1, -1.0, 1.0)]

    found = log_probability_of_feasibility(limits, means, deviations)

    # P(N(0, 1) <= 0) is a half, and P(-N(1, 4) <= 1) = P(N(0, 1) <= 1) is 0.8413447.
    assert isinstance(found, Tensor)
    assert float(found.exp()) == pytest.approx(0.5 * 0.8413447)


def test_what_is_hopeless_has_a_slope_towards_hope() -> None:
    mean = torch.tensor([[1e4]]).double().requires_grad_()

    found = log_probability_of_feasibility(
        [Limit(0, 1.0, 0.0)], [mean], [torch.ones(1, 1).double()]
    )

    # Far away the log probability is -z² / 2, with slope -z.
    assert isinstance(found, Tensor)
    found.sum().backward()
    assert mean.grad is not None
    assert float(mean.grad) == pytest.approx(-1e4, rel=1e-6)


def test_without_limits_all_is_feasible() -> None:
    assert log_probability_of_feasibility([], [], []) == 0.0


def test_a_probability_counts_as_often_as_its_weight_says() -> None:
    means, deviations = [torch.tensor([[0.3]]).double()], [torch.tensor([[1.0]]).double()]

    once = log_probability_of_feasibility([Limit(0, 1.0, 0.0)], means, deviations)
    twice = log_probability_of_feasibility([Limit(0, 1.0, 0.0, weight=2.0)], means, deviations)

    assert isinstance(once, Tensor)
    assert isinstance(twice, Tensor)
    assert float(twice) == pytest.approx(2.0 * float(once))
