"""Loading transformers models without their messages.

transformers draws a progress bar and a table of missing and surplus weights for every load. Here
both are expected (a new head, a cut encoder), so they would only hide what matters.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoConfig,
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

_DROPOUT = re.compile(r"dropout(_prob)?$|_pdrop$")


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


def load_encoder(
    folder: Path, layers: int | None = None, dropout: float | None = None
) -> PreTrainedModel:
    """Load a model without a head in float32.

    Args:
        folder: A Hugging Face model folder.
        layers: Keep this many of the first layers. None: all.
        dropout: Of every dropout layer that the configuration names. None: as it says.
    """
    return _load(AutoModel, folder, {}, layers, dropout)


def load_classifier(
    folder: Path,
    classes: tuple[str, ...] | None = None,
    layers: int | None = None,
    dropout: float | None = None,
) -> PreTrainedModel:
    """Load a sequence-classification model in float32.

    Args:
        folder: A Hugging Face model folder.
        classes: Names of the classes of a new head. None: the head that the folder holds.
        layers: Keep this many of the first layers. None: all.
        dropout: Of every dropout layer that the configuration names. None: as it says.
    """
    changes: dict[str, object] = {}
    if classes is not None:
        changes["id2label"] = dict(enumerate(classes))
        changes["label2id"] = {name: index for index, name in enumerate(classes)}
    return _load(AutoModelForSequenceClassification, folder, changes, layers, dropout)


def load_language_model(
    folder: Path, layers: int | None = None, dropout: float | None = None
) -> PreTrainedModel:
    """Load a causal language model in float32.

    Args:
        folder: A Hugging Face model folder.
        layers: Keep this many of the first layers. None: all.
        dropout: Of every dropout layer that the configuration names. None: as it says.
    """
    return _load(AutoModelForCausalLM, folder, {}, layers, dropout)


def _load(
    kind: type[AutoModel | AutoModelForCausalLM | AutoModelForSequenceClassification],
    folder: Path,
    changes: dict[str, object],
    layers: int | None,
    dropout: float | None = None,
) -> PreTrainedModel:
    with _readable(folder), quiet():
        if layers is not None:
            changes["num_hidden_layers"] = layers
        if layers is not None or dropout is not None:
            config = AutoConfig.from_pretrained(folder)
            _check_layers(folder, layers, config.num_hidden_layers)
            changes |= _dropout_settings(folder, config.to_dict(), dropout)
        model: PreTrainedModel = kind.from_pretrained(folder, dtype=torch.float32, **changes)
    model.train(mode=False)
    return model


def _check_layers(folder: Path, layers: int | None, found: int) -> None:
    if layers is not None and layers > found:
        raise TrainingError(f"{folder} has {found} layers, of which {layers} cannot be kept")


def _dropout_settings(
    folder: Path, settings: dict[str, object], dropout: float | None
) -> dict[str, object]:
    if dropout is None:
        return {}
    named = [
        name
        for name, value in settings.items()
        if _DROPOUT.search(name) and (value is None or isinstance(value, int | float))
    ]
    if not named:
        raise TrainingError(f"the configuration in {folder} names no dropout layer to set")
    return dict.fromkeys(named, dropout)


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
        missing = FileNotFoundError(folder / "config.json")
        raise TrainingError(f"{folder} is not a model folder: it has no config.json") from missing
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise TrainingError(f"transformers cannot load {folder}: {error}") from error
