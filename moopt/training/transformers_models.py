"""Loading transformers models without their messages.

transformers draws a progress bar and a table of missing and surplus weights for every load. Here
both are expected (a new head, a cut encoder), so they would only hide what matters.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from moopt.errors import TrainingError
from moopt.training.folders import new_folder


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers inside the block; errors still rise."""
    level = transformers_logging.get_verbosity()
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if had_bars:
            transformers_logging.enable_progress_bar()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model folder."""
    with _readable(folder), quiet():
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def load_encoder(folder: Path, layers: int | None = None) -> PreTrainedModel:
    """Load a model without a head in float32.

    Args:
        folder: A Hugging Face model folder.
        layers: Keep this many of the first layers. None: all.
    """
    changes = {} if layers is None else {"num_hidden_layers": layers}
    with _readable(folder), quiet():
        model: PreTrainedModel = AutoModel.from_pretrained(folder, dtype=torch.float32, **changes)
    model.train(mode=False)
    return model


def load_classifier(folder: Path, classes: tuple[str, ...] | None = None) -> PreTrainedModel:
    """Load a sequence-classification model in float32.

    Args:
        folder: A Hugging Face model folder.
        classes: Names of the classes of a new head. None: the head that the folder holds.
    """
    changes: dict[str, object] = {}
    if classes is not None:
        changes["id2label"] = dict(enumerate(classes))
        changes["label2id"] = {name: index for index, name in enumerate(classes)}
    with _readable(folder), quiet():
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, **changes
        )
    model.train(mode=False)
    return model


def load_language_model(folder: Path, layers: int | None = None) -> PreTrainedModel:
    """Load a causal language model in float32.

    Args:
        folder: A Hugging Face model folder.
        layers: Keep this many of the first layers. None: all.
    """
    changes = {} if layers is None else {"num_hidden_layers": layers}
    with _readable(folder), quiet():
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, **changes
        )
    model.train(mode=False)
    return model


def save_model(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write a model folder, which appears when it is complete. The model ends on the CPU."""
    with new_folder(folder) as unfinished, quiet():
        move(model, "cpu")
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)


def class_names(model: PreTrainedModel) -> tuple[str, ...]:
    """Return the names of a classifier's classes in the order of its outputs."""
    names = {int(index): str(name) for index, name in (model.config.id2label or {}).items()}
    return tuple(names[index] for index in sorted(names))


def move(model: nn.Module, device: str) -> None:
    """Move a model to a device, in place."""
    model.to(device)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    if not (folder / "config.json").is_file():
        raise TrainingError(f"{folder} is not a model folder: it has no config.json")
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise TrainingError(f"transformers cannot load {folder}: {error}") from error
