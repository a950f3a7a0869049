import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from moopt.errors import TrainingError
from moopt.training.time_to_target import Examples, Workload, time_to_target
from moopt.training.update_rule import Method, Schedule, UpdateRule


class Zeros(nn.Linear):
    """One weight that starts at zero."""

    def __init__(self) -> None:
        super().__init__(1, 1, bias=False)
        self.weight.data.zero_()


def examples() -> Examples:
    ones = torch.ones(8, 1)
    return Examples(ones, ones, ones, ones)


def squares(outputs: Tensor, targets: Tensor, _smoothing: float) -> Tensor:
    return (outputs - targets).square().mean()


def distance(outputs: Tensor, targets: Tensor) -> float:
    return float((outputs - targets).abs().mean())


LINE = Workload(
    "line",
    model=Zeros,
    examples=examples,
    loss=squares,
    metric=distance,
    target=0.3,
    baseline_steps=4,
    most_steps=10,
    batch_size=4,
    check_every=1,
)
HALVING = UpdateRule(
    Method.SGD, learning_rate=0.25, beta1=0.0, schedule=Schedule.CONSTANT, warm_up=0.0
)


def test_steps_are_counted_until_the_target() -> None:
    run = time_to_target(LINE, examples(), HALVING, 0)

    # the gradient is twice the distance, so each step halves it: 1, 1/2, 1/4
    assert run.metrics == pytest.approx((1, 0.5, 0.25))
    assert (run.steps, run.progress) == (2, 1.0)


def test_steps_between_checks_count_as_the_later_check() -> None:
    run = time_to_target(replace(LINE, check_every=3), examples(), HALVING, 0)

    assert run.steps == 3


def test_a_miss_says_how_much_of_the_way_it_came() -> None:
    slow = replace(HALVING, learning_rate=1e-9)
    some = replace(LINE, most_steps=4, target=0.0)

    assert time_to_target(LINE, examples(), slow, 0).progress == pytest.approx(0, abs=1e-6)
    run = time_to_target(some, examples(), HALVING, 0)
    assert run.steps is None
    assert run.progress == pytest.approx(15 / 16)


def test_a_run_that_diverges_ends_and_has_missed() -> None:
    wild = replace(HALVING, learning_rate=1e30)

    run = time_to_target(LINE, examples(), wild, 0)

    assert run.steps is None
    assert run.metrics[-1] == math.inf
    assert len(run.metrics) < 10


def test_equal_seeds_give_equal_runs_and_leave_random_numbers_alone() -> None:
    noisy = replace(LINE, model=lambda: nn.Linear(1, 1), target=-1.0)
    before = torch.get_rng_state()

    runs = [time_to_target(noisy, examples(), HALVING, seed).metrics for seed in (3, 3, 4)]

    assert runs[0] == runs[1] != runs[2]
    assert bool((torch.get_rng_state() == before).all())


def test_steps_out_of_order_are_refused() -> None:
    with pytest.raises(TrainingError, match="'line' needs 1 <= check_every <= baseline_steps"):
        replace(LINE, baseline_steps=11)
