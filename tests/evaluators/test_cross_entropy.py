import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from moopt.evaluators.metrics.cross_entropy import cross_entropy


def test_it_is_the_log_loss_of_scikit_learn() -> None:
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.arange(50) % 4

    mean, _ = cross_entropy(logits, labels)

    assert mean == pytest.approx(log_loss(labels, logits.softmax(dim=1), labels=range(4)))


def test_the_standard_error_is_that_of_a_mean() -> None:
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])

    mean, standard_error = cross_entropy(logits, torch.tensor([0, 0]))

    losses = math.log(2), math.log(4 / 3)
    assert mean == pytest.approx(sum(losses) / 2)
    assert standard_error == pytest.approx((losses[0] - losses[1]) / 2)


@given(st.integers(2, 9), st.integers(2, 30))
def test_to_know_nothing_costs_the_logarithm_of_the_number_of_classes(
    classes: int, count: int
) -> None:
    found = cross_entropy(torch.full((count, classes), 7.0), torch.arange(count) % classes)

    assert found == pytest.approx((math.log(classes), 0.0))
