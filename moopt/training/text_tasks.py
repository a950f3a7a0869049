"""What a model is to learn from texts: to tell their classes, or to predict their words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from moopt.training.batches import Batch, TokenizedTexts, tokenized, tokenized_with_end
from moopt.training.configuration import TrainingConfig
from moopt.training.labelled_texts import LabelledTexts
from moopt.training.language_loss import text_losses
from moopt.training.pooled_classifier import pooled_classifier
from moopt.training.transformers_models import load_classifier, load_encoder, load_language_model


@runtime_checkable
class TextTask(Protocol):
    """How texts become a loss."""

    @property
    def name(self) -> str:
        """Tells the task from others."""
        ...

    def load(self, base: Path, config: TrainingConfig) -> nn.Module:
        """Load a base model with what the task needs on top of it."""
        ...

    def encode(
        self, texts: LabelledTexts, tokenizer: PreTrainedTokenizerBase, max_tokens: int
    ) -> TokenizedTexts:
        """Tokenise texts."""
        ...

    def loss(self, model: nn.Module, batch: Batch, label_smoothing: float) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        ...

    def weight(self, batch: Batch) -> float:
        """Return how much a batch counts in a mean over several."""
        ...


@dataclass(frozen=True, slots=True)
class Classification:
    """Tell the class of a text. Its loss is the cross-entropy of a text in nats."""

    classes: tuple[str, ...]
    """In the order of the model's outputs."""

    pooled: bool = False
    """Whether the head looks at the mean over tokens. False: as transformers does it for the
    architecture, mostly at the first token."""

    @property
    def name(self) -> str:
        """Tells the task from others."""
        return f"classification of {self.classes}{' by their mean' if self.pooled else ''}"

    def load(self, base: Path, config: TrainingConfig) -> nn.Module:
        """Load a base model with a new head."""
        if self.pooled:
            encoder = load_encoder(base, config.layers, config.dropout)
            return pooled_classifier(encoder, self.classes, config.dropout)
        return load_classifier(base, self.classes, config.layers, config.dropout)

    def encode(
        self, texts: LabelledTexts, tokenizer: PreTrainedTokenizerBase, max_tokens: int
    ) -> TokenizedTexts:
        """Tokenise texts and number their classes."""
        return tokenized(texts, self.classes, tokenizer, max_tokens)

    def loss(self, model: nn.Module, batch: Batch, label_smoothing: float) -> Tensor:
        """Return the mean cross-entropy of a batch, a scalar."""
        logits = text_logits(model, batch)
        return cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)

    def weight(self, batch: Batch) -> float:
        """Return how many texts a batch has."""
        return len(batch.labels)


@dataclass(frozen=True, slots=True)
class LanguageModelling:
    """Predict each token of a text from those before. Its loss is that of a token in nats."""

    @property
    def name(self) -> str:
        """Tells the task from others."""
        return "language modelling"

    def load(self, base: Path, config: TrainingConfig) -> nn.Module:
        """Load a causal language model."""
        return load_language_model(base, config.layers, config.dropout)

    def encode(
        self, texts: LabelledTexts, tokenizer: PreTrainedTokenizerBase, max_tokens: int
    ) -> TokenizedTexts:
        """Tokenise texts; labels are not looked at."""
        return tokenized_with_end(texts.texts, tokenizer, max_tokens)

    def loss(self, model: nn.Module, batch: Batch, label_smoothing: float) -> Tensor:
        """Return the mean loss of a token of a batch, a scalar."""
        losses, tokens = text_losses(_next_token_logits(model, batch), batch, label_smoothing)
        return losses.sum() / tokens.sum()

    def weight(self, batch: Batch) -> float:
        """Return how many tokens of a batch are predicted."""
        return float(batch.attention_mask[:, 1:].sum())


def text_logits(model: nn.Module, batch: Batch) -> Float[Tensor, "n classes"]:
    """Return what a classifier says of each class of the texts of a batch."""
    logits: Tensor = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    return logits


def _next_token_logits(model: nn.Module, batch: Batch) -> Float[Tensor, "n tokens words"]:
    logits: Tensor = model(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False
    ).logits
    return logits


def class_logits(
    model: nn.Module, batches: Sequence[Batch]
) -> tuple[Float[Tensor, "n classes"], Tensor]:
    """Return what a classifier says of the texts of all batches, and their classes, on the CPU."""
    with torch.inference_mode():
        logits = torch.cat([text_logits(model, batch).float().cpu() for batch in batches])
    return logits, torch.cat([batch.labels.cpu() for batch in batches])


def losses_of_texts(model: nn.Module, batches: Sequence[Batch]) -> tuple[Tensor, Tensor]:
    """Return a language model's loss of every text in nats, summed over tokens, and how many."""
    with torch.inference_mode():
        found = [text_losses(_next_token_logits(model, batch), batch) for batch in batches]
    return (
        torch.cat([losses.cpu() for losses, _ in found]),
        torch.cat([tokens.cpu() for _, tokens in found]),
    )
