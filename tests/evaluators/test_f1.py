from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from torch import Tensor

from moopt.evaluators.metrics.f1 import f1, macro_f1

Metric = Callable[[Tensor, Tensor], tuple[float, float]]
ANSWERS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def drawn(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return predictions and labels of three classes, right three times in four."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=generator)
    guesses = torch.randint(0, 3, (count,), generator=generator)
    knows = torch.rand(count, generator=generator) < 0.6
    return torch.where(knows, labels, guesses), labels


@given(ANSWERS)
def test_both_are_those_of_scikit_learn(answers: list[tuple[int, int]]) -> None:
    predicted, labels = (torch.tensor(each) for each in zip(*answers, strict=True))

    assert macro_f1(predicted, labels)[0] == pytest.approx(
        f1_score(labels, predicted, average="macro", zero_division=0)
    )
    assert f1(predicted, labels, positive=2)[0] == pytest.approx(
        f1_score(labels == 2, predicted == 2, zero_division=0)
    )


@given(ANSWERS)
def test_no_measurement_on_a_sample_is_exact(answers: list[tuple[int, int]]) -> None:
    predicted, labels = (torch.tensor(each) for each in zip(*answers, strict=True))

    for found in (f1(predicted, labels), macro_f1(predicted, labels)):
        assert 0 < found[1] < 1


@pytest.mark.parametrize("measure", [f1, macro_f1])
def test_the_standard_error_is_the_spread_over_samples(
    measure: Metric,
) -> None:
    found = [measure(*drawn(300, seed)) for seed in range(400)]

    values, errors = (torch.tensor(each) for each in zip(*found, strict=True))
    assert errors.square().mean().sqrt().item() == pytest.approx(values.std().item(), rel=0.1)


@pytest.mark.parametrize("measure", [f1, macro_f1])
def test_the_standard_error_is_close_to_the_jackknife(measure: Metric) -> None:
    predicted, labels = drawn(400, 0)
    keep = ~torch.eye(400, dtype=torch.bool)

    left_out = torch.tensor([measure(predicted[rows], labels[rows])[0] for rows in keep])

    jackknife = (399 / 400 * (left_out - left_out.mean()).square().sum()).sqrt().item()
    assert measure(predicted, labels)[1] == pytest.approx(jackknife, rel=0.03)
