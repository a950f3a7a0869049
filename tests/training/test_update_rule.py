import pytest
import torch
from torch import nn

from moopt.errors import TrainingError
from moopt.training.update_rule import Method, Schedule, UpdateRule


@pytest.mark.parametrize("method", Method)
def test_every_method_finds_the_bottom_of_a_bowl(method: Method) -> None:
    point = nn.Parameter(torch.tensor([3.0, -2.0]))
    rule = UpdateRule(method, learning_rate=0.05)
    optimizer = rule.optimizer([point])

    for step in range(300):
        optimizer.param_groups[0]["lr"] = rule.learning_rate * rule.share_of_peak(step, 300)
        optimizer.zero_grad()
        torch.autograd.backward(point.square().sum())
        optimizer.step()

    assert point.abs().max() < 0.2


def test_the_rate_rises_then_falls_to_zero_at_the_horizon() -> None:
    rule = UpdateRule(
        Method.SGD, learning_rate=1.0, schedule=Schedule.LINEAR, warm_up=0.2, horizon=0.5
    )

    shares = [rule.share_of_peak(step, 20) for step in range(12)]

    # ten steps: two rise, eight fall
    expected = [0.5, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0]
    assert shares == pytest.approx(expected)


def test_a_cosine_is_halfway_down_in_the_middle_and_a_constant_stays() -> None:
    cosine, constant = (
        UpdateRule(Method.SGD, learning_rate=1.0, schedule=schedule, warm_up=0.0)
        for schedule in (Schedule.COSINE, Schedule.CONSTANT)
    )

    assert cosine.share_of_peak(50, 100) == pytest.approx(0.5)
    assert constant.share_of_peak(99, 100) == 1


def test_weight_decay_pulls_towards_zero_where_there_is_no_gradient() -> None:
    pulled = []
    for method in Method:
        point = nn.Parameter(torch.ones(2))
        optimizer = UpdateRule(method, learning_rate=0.1, weight_decay=0.5).optimizer([point])
        point.grad = torch.zeros(2)
        optimizer.step()
        pulled.append(point[0].item())

    # rate times decay; the first step of Nesterov's momentum is 1.9 times as long
    assert pulled == pytest.approx([0.95, 0.95, 0.905, 0.95])


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(TrainingError, match="needs learning_rate > 0, 0 < horizon <= 1, got"):
        UpdateRule(Method.SGD, learning_rate=0.0, horizon=0.0)
