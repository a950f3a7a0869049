"""Texts as token numbers, in batches of similar length.

Texts are tokenised once and padded only to the longest of their batch. On two CPU cores that halves
the time, because most texts are much shorter than the longest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from moopt.errors import TrainingError
from moopt.training.labelled_texts import LabelledTexts

MIXING_TOKENS = 6
"""How much longer one text may be than another of its batch, to vary who meets whom."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded texts of similar length and their classes."""

    input_ids: Int[Tensor, "n tokens"]
    attention_mask: Int[Tensor, "n tokens"]
    labels: Int[Tensor, " n"]
    """Classes of the texts. All 0 where a language model is what reads them."""

    def to(self, device: str) -> "Batch":
        """Return the batch on a device."""
        return Batch(
            self.input_ids.to(device), self.attention_mask.to(device), self.labels.to(device)
        )

    def parts(self, count: int) -> list["Batch"]:
        """Return the batch in so many parts of about equal size, each as wide as it needs to be."""
        rows = range(0, len(self.labels), -(-len(self.labels) // count))
        return [self] if count == 1 else [self._rows(first, first + rows.step) for first in rows]

    def _rows(self, first: int, end: int) -> "Batch":
        mask = self.attention_mask[first:end]
        width = int(mask.sum(dim=1).max())
        return Batch(self.input_ids[first:end, :width], mask[:, :width], self.labels[first:end])


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """Token numbers of each text and the number of its class."""

    ids: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    padding: int
    """Token number that fills up a batch."""

    def at(self, places: Sequence[int]) -> "TokenizedTexts":
        """Return the texts at some places, in their order."""
        return TokenizedTexts(
            tuple(self.ids[place] for place in places),
            tuple(self.labels[place] for place in places),
            self.padding,
        )

    def __getitem__(self, chosen: slice) -> "TokenizedTexts":
        """Return some of them."""
        return TokenizedTexts(self.ids[chosen], self.labels[chosen], self.padding)


def tokenized(
    texts: LabelledTexts,
    classes: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
) -> TokenizedTexts:
    """Tokenise every text, cut to a number of tokens.

    Args:
        texts: What to tokenise.
        classes: Their order gives each class its number.
        tokenizer: The base model's tokenizer.
        max_tokens: Special tokens included.

    Raises:
        TrainingError: A label is not among the classes, or the tokenizer cannot pad.
    """
    unknown = sorted(set(texts.labels) - set(classes))
    if unknown:
        raise TrainingError(f"the labels {unknown} are not among the classes {list(classes)}")
    encoded = tokenizer(list(texts.texts), truncation=True, max_length=max_tokens)
    return TokenizedTexts(
        ids=tuple(tuple(ids) for ids in encoded["input_ids"]),
        labels=tuple(classes.index(label) for label in texts.labels),
        padding=token_number(tokenizer.pad_token_id, "padding"),
    )


def tokenized_with_end(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> TokenizedTexts:
    """Tokenise every text for a language model: the end token closes what is not cut.

    Args:
        texts: What to tokenise.
        tokenizer: The language model's tokenizer.
        max_tokens: The end token included.

    Raises:
        TrainingError: The tokenizer has no end token, or cannot pad.
    """
    end = token_number(tokenizer.eos_token_id, "end")
    encoded = tokenizer(
        list(texts), add_special_tokens=False, truncation=True, max_length=max_tokens
    )
    return TokenizedTexts(
        ids=tuple((*ids, end)[:max_tokens] for ids in encoded["input_ids"]),
        labels=(0,) * len(texts),
        padding=token_number(tokenizer.pad_token_id, "padding"),
    )


def token_number(found: object, role: str) -> int:
    """Return the number of a special token.

    Raises:
        TrainingError: The tokenizer has none, or several.
    """
    if not isinstance(found, int):
        raise TrainingError(
            f"the tokenizer needs one {role} token and has {found}; give it one and save it again"
        )
    return found


def batches_by_length(texts: TokenizedTexts, batch_size: int) -> list[Batch]:
    """Return all texts in batches, shortest first."""
    return _in_batches(texts, order_by_length(texts), batch_size)


def order_by_length(texts: TokenizedTexts) -> list[int]:
    """Return the places of the texts in the order in which `batches_by_length` has them."""
    return sorted(range(len(texts.ids)), key=lambda index: len(texts.ids[index]))


def shuffled_batches(texts: TokenizedTexts, batch_size: int, seed: int) -> list[Batch]:
    """Return all texts in batches of similar length, in an order drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)
    noise = (MIXING_TOKENS * torch.rand(len(texts.ids), generator=generator)).tolist()
    order = sorted(range(len(texts.ids)), key=lambda index: len(texts.ids[index]) + noise[index])
    batches = _in_batches(texts, order, batch_size)
    return [batches[index] for index in torch.randperm(len(batches), generator=generator).tolist()]


def _in_batches(texts: TokenizedTexts, order: Sequence[int], batch_size: int) -> list[Batch]:
    return [
        _padded(texts, order[first : first + batch_size])
        for first in range(0, len(order), batch_size)
    ]


def _padded(texts: TokenizedTexts, chosen: Sequence[int]) -> Batch:
    longest = max(len(texts.ids[index]) for index in chosen)
    input_ids = torch.full((len(chosen), longest), texts.padding)
    attention_mask = torch.zeros_like(input_ids)
    for row, index in enumerate(chosen):
        ids = texts.ids[index]
        input_ids[row, : len(ids)] = torch.tensor(ids)
        attention_mask[row, : len(ids)] = 1
    return Batch(input_ids, attention_mask, torch.tensor([texts.labels[index] for index in chosen]))
