"""Tune a causal language model on plain texts and keep the epoch with the best validation loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.batches import (
    Batch,
    batches_by_length,
    shuffled_batches,
    tokenized_with_end,
)
from moopt.training.language_loss import text_losses
from moopt.training.parameter_groups import (
    base_parameters,
    decay_groups,
    freeze,
    head_parameters,
)
from moopt.training.settings import LanguageTuning
from moopt.training.training_run import Step, TrainingRun
from moopt.training.transformers_models import load_language_model, load_tokenizer, move, save_model


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a run came to."""

    validation_losses: tuple[float, ...]
    """Mean loss of a token in nats, after each epoch."""

    best_epoch: int
    """Index of the epoch whose weights were kept."""


def tune_language_model(
    base: Path,
    folder: Path,
    *,
    train: Sequence[str],
    validation: Sequence[str],
    settings: LanguageTuning,
    on_step: Callable[[Step], None] | None = None,
    device: str = "cpu",
) -> Tuned:
    """Tune a causal language model to predict texts and write a model folder.

    Equal arguments give equal weights on one machine with one number of threads. The global state
    of torch's random numbers is left as it was.

    Args:
        base: A Hugging Face model folder; it is only read.
        folder: Where the expert is written. It appears when it is complete.
        train: Texts of the domain.
        validation: Others, which decide which epoch is kept.
        settings: How to train.
        on_step: Called after each step.
        device: Where to train, as torch names it.

    Raises:
        TrainingError: The loss is no longer a number, a part to freeze is not in the model, or
            nothing is left to train.
    """
    tokenizer = load_tokenizer(base)
    texts = tokenized_with_end(train[: settings.train_texts], tokenizer, settings.max_tokens)
    others = tokenized_with_end(
        validation[: settings.validation_texts], tokenizer, settings.max_tokens
    )
    checks = [batch.to(device) for batch in batches_by_length(others, settings.batch_size)]
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = load_language_model(base)
        move(model, device)
        groups = _parameter_groups(model, settings)
        run = TrainingRun(
            model, groups, settings=settings, examples=len(texts.ids), on_step=on_step
        )
        for epoch in range(settings.epochs):
            batches = shuffled_batches(texts, settings.batch_size, settings.seed + epoch)
            run.train_epoch(
                [batch.to(device) for batch in batches], lambda batch: _loss(model, [batch])
            )
            with torch.inference_mode():
                loss = _loss(model, checks).item()
            if not run.goes_on(loss):
                break
    run.restore_best()
    save_model(folder, model, tokenizer)
    return Tuned(tuple(run.validation_losses), run.best_epoch)


def _loss(model: PreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Return the mean loss of a token in nats."""
    of_batches = [
        text_losses(
            model(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False
            ).logits,
            batch,
        )
        for batch in batches
    ]
    losses = torch.cat([losses for losses, _ in of_batches])
    return losses.sum() / torch.cat([tokens for _, tokens in of_batches]).sum()


def _parameter_groups(model: PreTrainedModel, settings: LanguageTuning) -> list[dict[str, object]]:
    """Freeze what is to stay, and split the rest; a head of its own is trained with the others."""
    parameters = base_parameters(model) | head_parameters(model)
    freeze(parameters, settings.frozen)
    groups = decay_groups(parameters.values(), settings.learning_rate, settings.weight_decay)
    if not any(group["params"] for group in groups):
        raise TrainingError(f"the parts {settings.frozen} to freeze leave nothing to train")
    return groups
