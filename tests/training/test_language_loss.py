import math

import pytest
import torch

from moopt.training.batches import Batch
from moopt.training.language_loss import text_losses


def batch_of(lengths: list[int], words: int) -> Batch:
    """Return texts of random words, of given lengths."""
    longest = max(lengths)
    ids = torch.randint(words, (len(lengths), longest), generator=torch.Generator().manual_seed(3))
    mask = (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()
    return Batch(ids, mask, torch.zeros(len(lengths), dtype=torch.long))


def test_a_model_that_knows_nothing_loses_the_logarithm_of_the_words_at_every_token() -> None:
    batch = batch_of([4, 2, 1], words=5)

    losses, tokens = text_losses(torch.zeros(3, 4, 5), batch)

    assert tokens.tolist() == [3, 1, 0]
    assert losses.tolist() == pytest.approx([3 * math.log(5), math.log(5), 0])


def test_a_model_that_is_sure_of_every_next_token_loses_nothing() -> None:
    batch = batch_of([4, 3], words=5)
    logits = torch.zeros(2, 4, 5)
    logits[:, :-1] = 100.0 * torch.nn.functional.one_hot(batch.input_ids[:, 1:], 5)

    losses, _ = text_losses(logits, batch)

    assert losses.tolist() == pytest.approx([0, 0], abs=1e-6)


def test_what_is_said_after_the_last_token_does_not_matter() -> None:
    batch = batch_of([4, 2], words=5)
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(1))
    other = logits.clone()
    other[0, 3:] += torch.arange(5.0)
    other[1, 1:] -= torch.arange(5.0)

    before, after = (text_losses(each, batch)[0] for each in (logits, other))

    assert torch.equal(before, after)
