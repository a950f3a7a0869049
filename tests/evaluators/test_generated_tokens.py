import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.evaluators.metrics.generated_tokens import generated_tokens


def test_the_end_token_counts_and_what_follows_does_not() -> None:
    answers = torch.tensor([[5, 6, 0, 0], [0, 0, 0, 0], [7, 7, 7, 7]])

    mean, standard_error = generated_tokens(answers, end=0)

    assert mean == pytest.approx((3 + 1 + 4) / 3)
    assert standard_error == pytest.approx((7 / 3) ** 0.5 / 3**0.5)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=9))
def test_every_answer_counts_up_to_its_end(lengths: list[int]) -> None:
    answers = (torch.arange(9) < torch.tensor(lengths)[:, None] - 1).long()

    mean, _ = generated_tokens(answers, end=0)

    assert mean == pytest.approx(sum(lengths) / len(lengths))
