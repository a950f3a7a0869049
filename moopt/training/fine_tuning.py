"""Fine-tuning on texts: a base model, a task and a configuration become a run."""

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.adapters import add_adapters
from moopt.training.batches import Batch, TokenizedTexts, shuffled_batches
from moopt.training.configuration import TrainingConfig
from moopt.training.parameter_groups import base_parameters, freeze, freeze_layers
from moopt.training.pooled_classifier import PooledClassifier
from moopt.training.text_tasks import TextTask
from moopt.training.training_run import Assignment, Step, TrainingRun
from moopt.training.transformers_models import move

ModelMaker = Callable[[TrainingConfig, str], nn.Module]
"""Makes a model of one's own for a device. What it draws at random follows from torch's state."""


def fine_tuning_run(
    base: Path | ModelMaker,
    task: TextTask,
    train: TokenizedTexts,
    config: TrainingConfig,
    *,
    device: str = "cpu",
    on_step: Callable[[Step], None] | None = None,
) -> TrainingRun[Batch]:
    """Load a base model and make a run of it, at its beginning.

    Equal arguments give equal weights on one machine with one number of threads. The global state
    of torch's random numbers is left as it was.

    Args:
        base: A Hugging Face model folder, which is only read; or what makes a model.
        task: What to learn.
        train: From which texts.
        config: How.
        device: Where, as torch names it.
        on_step: Called after each step.

    Raises:
        TrainingError: There are no texts, the folder holds no such model, or a part to freeze is
            not in it.
    """
    if not train.ids:
        raise TrainingError("there is no text to train on")

    def batches(epoch: int) -> list[list[Batch]]:
        found = batches_of_epoch(train, config, epoch)
        return [[part.to(device) for part in parts] for parts in found]

    def loss(batch: Batch) -> torch.Tensor:
        return task.loss(model, batch, config.label_smoothing)

    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        if isinstance(base, Path):
            model = adapted(task.load(base, config), config)
        else:
            model = base(config, device)
        move(model, device)
        return TrainingRun(
            model,
            config,
            Assignment(len(train.ids), batches=batches, loss=loss, weight=task.weight),
            device=device,
            on_step=on_step,
        )


def batches_of_epoch(
    train: TokenizedTexts, config: TrainingConfig, epoch: int
) -> list[list[Batch]]:
    """Return the parts of the batch of each step of an epoch, counted from 0, on the CPU."""
    found = shuffled_batches(train, config.batch_size, config.seed + epoch)
    return [each.parts(config.accumulation) for each in found]


def adapted(model: nn.Module, config: TrainingConfig) -> nn.Module:
    """Freeze what is to stay as it is and add adapters, in place."""
    if config.lora is not None:
        add_adapters(model, config.lora)
    inside = base_parameters(model)
    freeze(inside, config.frozen)
    freeze_layers(inside, config.frozen_layers)
    if config.gradient_checkpointing:
        _checkpoint_activations(model)
    return model


def _checkpoint_activations(model: nn.Module) -> None:
    match model:
        case PreTrainedModel():
            inside = model
        case PooledClassifier():
            inside = model.encoder
        case _:
            raise TrainingError(f"{type(model).__name__} has no gradient checkpointing")
    with warnings.catch_warnings():
        # The new name, activation_checkpointing_enable, is not in transformers 5.0.
        warnings.simplefilter("ignore", FutureWarning)
        inside.gradient_checkpointing_enable()
