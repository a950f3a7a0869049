import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.evaluators.metrics.accuracy import accuracy
from moopt.evaluators.metrics.worst_group import worst_group_accuracy


def test_it_is_the_accuracy_of_the_group_that_is_served_worst() -> None:
    labels = torch.zeros(6, dtype=torch.long)
    predicted = torch.tensor([0, 0, 0, 1, 0, 1])
    groups = torch.tensor([5, 5, 5, 5, 2, 2])

    found = worst_group_accuracy(predicted, labels, groups)

    assert found == accuracy(torch.tensor([0, 1]), torch.tensor([0, 0]))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=30))
def test_no_group_is_served_worse_and_the_mean_is_not_below(
    answers: list[tuple[int, int]],
) -> None:
    predicted, groups = (torch.tensor(each) for each in zip(*answers, strict=True))
    labels = torch.zeros_like(predicted)

    worst, _ = worst_group_accuracy(predicted, labels, groups)

    assert worst <= accuracy(predicted, labels)[0] + 1e-12
    assert worst == pytest.approx(
        min((predicted[groups == group] == 0).double().mean().item() for group in groups.unique())
    )
