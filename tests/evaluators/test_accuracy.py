import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.evaluators.metrics.accuracy import accuracy


def test_three_of_four_right_is_three_quarters() -> None:
    share, _ = accuracy(torch.tensor([0, 1, 2, 1]), torch.tensor([0, 1, 2, 2]))

    assert share == 0.75


def test_the_standard_error_of_many_answers_is_that_of_a_share() -> None:
    labels = torch.zeros(10_000, dtype=torch.long)
    predicted = (torch.arange(10_000) < 1_000).long()

    _, standard_error = accuracy(predicted, labels)

    assert standard_error == pytest.approx(math.sqrt(0.9 * 0.1 / 10_000), rel=1e-3)


@given(st.integers(1, 1_000), st.sampled_from([0, 1]))
def test_the_standard_error_is_never_zero(count: int, answer: int) -> None:
    labels = torch.zeros(count, dtype=torch.long)

    _, standard_error = accuracy(labels + answer, labels)

    assert 0 < standard_error < 1
