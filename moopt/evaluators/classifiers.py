"""Classifiers that share one encoder, each with a head and texts of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from moopt.errors import EvaluationError
from moopt.evaluators.metrics.accuracy import accuracy
from moopt.training.batches import Batch, batches_by_length, tokenized
from moopt.training.labelled_texts import read_split
from moopt.training.transformers_models import (
    class_names,
    load_classifier,
    load_encoder,
    load_tokenizer,
    move,
)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model around the shared encoder, and the texts that it classifies."""

    model: PreTrainedModel
    table: Path
    classes: tuple[str, ...]
    """In the order of the model's outputs."""


@dataclass(frozen=True, slots=True)
class SharedEncoder:
    """An encoder and the classifiers around it: change its weights, and all of them change."""

    encoder: PreTrainedModel
    classifiers: Mapping[str, Classifier]
    tokenizer: PreTrainedTokenizerBase
    max_tokens: int
    batch_size: int
    device: str
    batches: dict[tuple[str, str], list[Batch]] = field(default_factory=dict)
    """By classifier and split. Filled when first asked for, so that texts are tokenised once."""

    def accuracy(self, name: str, split: str) -> tuple[float, float]:
        """Return a classifier's accuracy on a split of its texts, and its standard error."""
        classifier = self.classifiers[name]
        batches = self._batches(name, split)
        with torch.inference_mode():
            predicted = [
                classifier.model(
                    input_ids=batch.input_ids, attention_mask=batch.attention_mask
                ).logits.argmax(dim=1)
                for batch in batches
            ]
        return accuracy(torch.cat(predicted), torch.cat([batch.labels for batch in batches]))

    def _batches(self, name: str, split: str) -> list[Batch]:
        if (name, split) not in self.batches:
            classifier = self.classifiers[name]
            texts = tokenized(
                read_split(classifier.table, split),
                classifier.classes,
                self.tokenizer,
                self.max_tokens,
            )
            self.batches[name, split] = [
                batch.to(self.device) for batch in batches_by_length(texts, self.batch_size)
            ]
        return self.batches[name, split]


def share_encoder(
    base: Path,
    experts: Mapping[str, Path],
    tables: Mapping[str, Path],
    *,
    max_tokens: int,
    batch_size: int,
    device: str,
) -> SharedEncoder:
    """Load the base as an encoder and put the head of every expert on it.

    Raises:
        EvaluationError: An expert is not a classifier around the base's kind of encoder.
    """
    encoder = load_encoder(base)
    classifiers = {}
    for name, folder in experts.items():
        model = load_classifier(folder)
        inside = model.base_model_prefix
        if type(getattr(model, inside, None)) is not type(encoder):
            raise EvaluationError(
                f"the expert {name!r} in {folder} is a {type(model).__name__}, which has no "
                f"{type(encoder).__name__} like the base in {base}"
            )
        setattr(model, inside, encoder)
        move(model, device)
        classifiers[name] = Classifier(model, tables[name], class_names(model))
    return SharedEncoder(
        encoder,
        classifiers,
        tokenizer=load_tokenizer(base),
        max_tokens=max_tokens,
        batch_size=batch_size,
        device=device,
    )
