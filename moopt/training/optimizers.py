"""Optimizers by name."""

import importlib
import tempfile
from typing import Any

from torch.optim import SGD, AdamW, Optimizer

from moopt.errors import TrainingError
from moopt.training.configuration import TrainingConfig
from moopt.training.lion import Lion

Groups = list[dict[str, Any]]
"""Parameters with their learning rate and weight decay, as torch takes them."""


def make_optimizer(groups: Groups, config: TrainingConfig) -> Optimizer:
    """Return an optimizer of some groups of parameters.

    Raises:
        TrainingError: Neither moopt nor transformers has an optimizer of that name, or the package
            that transformers needs for it is not installed.
    """
    rate, beta1 = config.learning_rate, 0.9 if config.beta1 is None else config.beta1
    match config.optimizer:
        case "adamw":
            return AdamW(groups, lr=rate, betas=(beta1, _or(config.beta2, 0.999)))
        case "lion":
            return Lion(groups, lr=rate, betas=(beta1, _or(config.beta2, 0.99)))
        case "sgd":
            return SGD(groups, lr=rate, momentum=config.momentum)
        case name:
            return _of_transformers(name, groups, config)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _of_transformers(name: str, groups: Groups, config: TrainingConfig) -> Optimizer:
    """Ask transformers' Trainer, which knows some forty and the package that each one needs."""
    # Its Trainer takes seconds to import.
    trainer = importlib.import_module("transformers.trainer").Trainer
    arguments = importlib.import_module("transformers.training_args").TrainingArguments
    try:
        with tempfile.TemporaryDirectory() as folder:
            asked = arguments(
                output_dir=folder,
                optim=name,
                learning_rate=config.learning_rate,
                adam_beta1=_or(config.beta1, 0.9),
                adam_beta2=_or(config.beta2, 0.999),
                weight_decay=config.weight_decay,
                use_cpu=True,
                report_to="none",
            )
        kind, settings = trainer.get_optimizer_cls_and_kwargs(asked)
        made: Optimizer = kind(groups, **settings)
    except (ValueError, ImportError, KeyError, TypeError) as error:
        raise TrainingError(
            f"there is no optimizer {name!r}: moopt has adamw, lion and sgd, and transformers "
            f"says: {error}"
        ) from error
    return made
