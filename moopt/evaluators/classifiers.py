"""Classifiers that share one encoder, each with a head and texts of its own."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from moopt.errors import EvaluationError
from moopt.evaluators.metrics.accuracy import accuracy
from moopt.merging.sources import Sources, Weights
from moopt.merging.writing import write_tensors
from moopt.training.batches import (
    Batch,
    TokenizedTexts,
    batches_by_length,
    order_by_length,
    tokenized,
)
from moopt.training.labelled_texts import read_split
from moopt.training.transformers_models import (
    class_names,
    load_classifier,
    load_encoder,
    load_tokenizer,
    move,
)


@dataclass(frozen=True, slots=True)
class ClassifierAccuracy:
    """Measures `<expert>_accuracy` for every expert, each a classifier around the base's encoder.

    Raises:
        EvaluationError: There are no tables.
    """

    tables: Mapping[str, Path]
    """A table with the columns text, label and split for each expert; the splits `search` and
    `held_out` are measured."""

    max_tokens: int
    """Longer texts are cut; as in fine-tuning."""

    batch_size: int = 50
    """Texts that are classified at once."""

    def load(self, base: Path, experts: Mapping[str, Path], device: str) -> "SharedEncoder":
        """Load the base as an encoder and put the head of every expert on it.

        Raises:
            EvaluationError: Experts and tables have other names, or an expert is not a classifier
                around the base's kind of encoder.
        """
        if set(experts) != set(self.tables):
            raise EvaluationError(
                f"every expert needs a table: experts {sorted(experts)}, tables "
                f"{sorted(self.tables)}"
            )
        return share_encoder(
            base,
            experts,
            self.tables,
            max_tokens=self.max_tokens,
            batch_size=self.batch_size,
            device=device,
        )

    def write_extras(self, sources: Sources, directory: Path) -> None:
        """Write `heads/<expert>.safetensors`, with the names of the classes as metadata."""
        heads = directory / "heads"
        heads.mkdir(exist_ok=True)
        for name, expert in sources.experts.items():
            checkpoint = expert.checkpoint
            config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
            classes = [config["id2label"][key] for key in sorted(config["id2label"], key=int)]
            write_tensors(
                heads / f"{name}.safetensors",
                {part: checkpoint.tensors[part] for part in expert.head},
                _loader(checkpoint),
                notes={"classes": json.dumps(classes), "max_tokens": str(self.max_tokens)},
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

    texts: dict[tuple[str, str], TokenizedTexts] = field(default_factory=dict)
    """The same texts, not yet in batches."""

    digests: dict[str, str] = field(default_factory=dict)
    """Of the texts, by split."""

    @property
    def model(self) -> PreTrainedModel:
        """The encoder: what merges are written into."""
        return self.encoder

    def measure(self, split: str) -> dict[str, tuple[float, float]]:
        """Return `<expert>_accuracy` and its standard error for every classifier."""
        return {f"{name}_accuracy": self.accuracy(name, split) for name in self.classifiers}

    def example_counts(self, split: str) -> dict[str, int]:
        """Return how many texts every accuracy is measured on."""
        return {
            f"{name}_accuracy": len(self._tokenized(name, split).ids) for name in self.classifiers
        }

    def example_digest(self, split: str) -> str:
        """Return 16 hexadecimal digits that tell the texts, as they are read, from others."""
        if split not in self.digests:
            found = hashlib.sha256()
            for name in sorted(self.classifiers):
                texts = self._tokenized(name, split)
                found.update(repr((name, texts.ids, texts.labels)).encode())
            self.digests[split] = found.hexdigest()[:16]
        return self.digests[split]

    def example_scores(
        self, name: str, split: str, places: Sequence[int]
    ) -> Float[np.ndarray, " n"]:
        """Return 1 for each of some texts that is classified right, 0 for the others.

        Args:
            name: Of the measurement.
            split: Of the texts.
            places: Of the texts in their table.
        """
        classifier = name.removesuffix("_accuracy")
        chosen = self._tokenized(classifier, split).at(places)
        batches = [batch.to(self.device) for batch in batches_by_length(chosen, self.batch_size)]
        right = self._predicted(classifier, batches) == _labels(batches)
        scores = np.empty(len(places))
        scores[order_by_length(chosen)] = right.cpu().numpy()
        return scores

    def summary(
        self, name: str, split: str, places: Sequence[int], scores: Float[np.ndarray, " n"]
    ) -> tuple[float, float]:
        """Return the accuracy on some texts and its standard error."""
        del name, split, places  # texts count alike
        right = torch.from_numpy(scores).long()
        return accuracy(right, torch.ones_like(right))

    def accuracy(self, name: str, split: str) -> tuple[float, float]:
        """Return a classifier's accuracy on a split of its texts, and its standard error."""
        batches = self._batches(name, split)
        return accuracy(self._predicted(name, batches), _labels(batches))

    def _predicted(self, name: str, batches: Sequence[Batch]) -> Int[Tensor, " n"]:
        """Return the class that a classifier gives to each text."""
        model = self.classifiers[name].model
        with torch.inference_mode():
            predicted = [
                model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.argmax(
                    dim=1
                )
                for batch in batches
            ]
        return torch.cat(predicted)

    def _batches(self, name: str, split: str) -> list[Batch]:
        if (name, split) not in self.batches:
            self.batches[name, split] = [
                batch.to(self.device)
                for batch in batches_by_length(self._tokenized(name, split), self.batch_size)
            ]
        return self.batches[name, split]

    def _tokenized(self, name: str, split: str) -> TokenizedTexts:
        if (name, split) not in self.texts:
            classifier = self.classifiers[name]
            self.texts[name, split] = tokenized(
                read_split(classifier.table, split),
                classifier.classes,
                self.tokenizer,
                self.max_tokens,
            )
        return self.texts[name, split]


def _labels(batches: Sequence[Batch]) -> Int[Tensor, " n"]:
    return torch.cat([batch.labels for batch in batches])


def _loader(checkpoint: Weights) -> Callable[[str], list[Tensor]]:
    return lambda name: [checkpoint.load(name)]


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
