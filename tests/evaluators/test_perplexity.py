import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.evaluators.metrics.perplexity import log_perplexity

TEXTS = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 9)), min_size=2, max_size=20)


def test_the_mean_is_over_tokens_not_over_texts() -> None:
    mean, _ = log_perplexity(torch.tensor([2.0, 10.0]), torch.tensor([1, 5]))

    assert mean == pytest.approx(2.0)


def test_texts_of_one_length_have_the_standard_error_of_a_mean() -> None:
    losses = torch.tensor([2.0, 4.0, 6.0])

    _, standard_error = log_perplexity(losses, torch.tensor([2, 2, 2]))

    assert standard_error == pytest.approx((losses / 2).std().item() / math.sqrt(3))


@given(TEXTS, st.integers(2, 5))
def test_repeated_texts_change_no_mean_and_shrink_the_error(
    texts: list[tuple[int, int]], times: int
) -> None:
    losses = torch.tensor([float(loss) for loss, _ in texts])
    tokens = torch.tensor([count for _, count in texts])

    once, repeated = (
        log_perplexity(losses.repeat(count), tokens.repeat(count)) for count in (1, times)
    )

    assert repeated[0] == pytest.approx(once[0])
    assert repeated[1] <= once[1] + 1e-9
