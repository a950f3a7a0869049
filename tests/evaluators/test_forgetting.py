import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.evaluators.metrics.forgetting import forgetting, forgotten_share

ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


def test_what_makes_examples_hard_for_both_models_cancels() -> None:
    difficulty = torch.tensor([5.0, -3.0, 0.0, 9.0])

    lost, standard_error = forgetting(difficulty + 0.5, difficulty)

    assert lost == pytest.approx(0.5)
    assert standard_error == pytest.approx(0.0, abs=1e-9)


def test_the_standard_error_is_that_of_paired_differences() -> None:
    before, after = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 0.0, 0.0])

    assert forgetting(before, after) == pytest.approx((1.0, 1 / math.sqrt(3)))


@given(ANSWERS)
def test_a_forgotten_share_is_the_drop_in_accuracy_and_never_exact(
    answers: list[tuple[bool, bool]],
) -> None:
    before, after = (torch.tensor(each) for each in zip(*answers, strict=True))

    lost, standard_error = forgotten_share(before, after)

    assert lost == pytest.approx(before.double().mean().item() - after.double().mean().item())
    assert standard_error > 0


def test_the_standard_error_of_a_share_is_the_spread_over_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    before = torch.rand(2_000, 200, generator=generator) < 0.9
    after = torch.where(torch.rand(2_000, 200, generator=generator) < 0.8, before, ~before)

    found = [forgotten_share(*pair) for pair in zip(before, after, strict=True)]

    values, errors = torch.tensor(found).T
    assert errors.square().mean().sqrt().item() == pytest.approx(values.std().item(), rel=0.05)
