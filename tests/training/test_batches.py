from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import TrainingError
from moopt.training.batches import (
    Batch,
    TokenizedTexts,
    batches_by_length,
    shuffled_batches,
    tokenized,
    tokenized_with_end,
)
from moopt.training.labelled_texts import LabelledTexts
from moopt.training.transformers_models import load_tokenizer
from tests.tiny_language_models import END, tiny_tokenizer
from tests.tiny_models import write_base

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=20)


def texts_of(lengths: list[int]) -> TokenizedTexts:
    """Return texts of given lengths whose labels number them."""
    return TokenizedTexts(
        ids=tuple((7,) * length for length in lengths),
        labels=tuple(range(len(lengths))),
        padding=0,
    )


def labels_of(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.labels for batch in batches]).tolist()


@given(LENGTHS, st.integers(1, 7))
def test_batches_by_length_hold_every_text_once(lengths: list[int], batch_size: int) -> None:
    batches = batches_by_length(texts_of(lengths), batch_size)

    assert sorted(labels_of(batches)) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 7), st.integers(0, 5))
def test_shuffled_batches_hold_every_text_once(
    lengths: list[int], batch_size: int, seed: int
) -> None:
    batches = shuffled_batches(texts_of(lengths), batch_size, seed)

    assert sorted(labels_of(batches)) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 7))
def test_the_mask_counts_the_tokens_of_every_text(lengths: list[int], batch_size: int) -> None:
    batches = batches_by_length(texts_of(lengths), batch_size)

    counts = torch.cat([batch.attention_mask.sum(dim=1) for batch in batches]).tolist()
    assert counts == sorted(lengths)


def test_a_batch_is_as_wide_as_its_longest_text() -> None:
    batches = batches_by_length(texts_of([5, 1, 2, 4]), 2)

    assert [tuple(batch.input_ids.shape) for batch in batches] == [(2, 2), (2, 5)]


def test_equal_seeds_give_equal_orders() -> None:
    texts = texts_of([3] * 40)

    first = labels_of(shuffled_batches(texts, 4, seed=1))

    assert first == labels_of(shuffled_batches(texts, 4, seed=1))
    assert first != labels_of(shuffled_batches(texts, 4, seed=2))


def test_texts_are_cut_with_their_special_tokens(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_base(tmp_path / "base"))
    texts = LabelledTexts(texts=("a good film", "the very very bad film"), labels=("b", "a"))

    found = tokenized(texts, ("a", "b"), tokenizer, max_tokens=5)

    assert [len(ids) for ids in found.ids] == [5, 5]
    assert found.labels == (1, 0)


def test_a_label_without_a_class_is_refused(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_base(tmp_path / "base"))
    texts = LabelledTexts(texts=("a film",), labels=("neutral",))

    with pytest.raises(TrainingError, match=r"\['neutral'\] are not among the classes"):
        tokenized(texts, ("negative", "positive"), tokenizer, max_tokens=8)


def test_a_language_model_reads_the_end_of_what_is_not_cut() -> None:
    found = tokenized_with_end(("a film", "the very very bad film"), tiny_tokenizer(), max_tokens=4)

    assert [len(ids) for ids in found.ids] == [3, 4]
    assert [END in ids for ids in found.ids] == [True, False]
    assert found.ids[0][-1] == END


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = None

    with pytest.raises(TrainingError, match="needs one end token and has None"):
        tokenized_with_end(("a film",), tokenizer, max_tokens=4)
