"""Fine-tune a sequence-classification model and keep the epoch with the best validation loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from moopt.training.batches import Batch, batches_by_length, shuffled_batches, tokenized
from moopt.training.labelled_texts import LabelledTexts
from moopt.training.parameter_groups import (
    base_parameters,
    decay_groups,
    freeze,
    head_parameters,
)
from moopt.training.settings import FineTuning
from moopt.training.training_run import Step, TrainingRun
from moopt.training.transformers_models import load_classifier, load_tokenizer, move, save_model

VALIDATION_BATCH = 100


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What a run came to."""

    validation_losses: tuple[float, ...]
    """Mean cross-entropy after each epoch."""

    validation_accuracies: tuple[float, ...]
    best_epoch: int
    """Index of the epoch whose weights were kept."""


def fine_tune(
    base: Path,
    folder: Path,
    *,
    train: LabelledTexts,
    validation: LabelledTexts,
    settings: FineTuning,
    on_step: Callable[[Step], None] | None = None,
    device: str = "cpu",
) -> FineTuned:
    """Fine-tune a base model with a new classification head and write a model folder.

    Equal arguments give equal weights on one machine with one number of threads. The global state
    of torch's random numbers is left as it was.

    Args:
        base: A Hugging Face model folder; it is only read.
        folder: Where the expert is written. It appears when it is complete.
        train: Its labels name the classes.
        validation: Decides which epoch is kept.
        settings: How to train.
        on_step: Called after each step.
        device: Where to train, as torch names it.

    Raises:
        TrainingError: The loss is no longer a number, or a part to freeze is not in the model.
    """
    tokenizer = load_tokenizer(base)
    classes = train.classes
    texts = tokenized(train, classes, tokenizer, settings.max_tokens)
    checks = [
        batch.to(device)
        for batch in batches_by_length(
            tokenized(validation, classes, tokenizer, settings.max_tokens), VALIDATION_BATCH
        )
    ]
    accuracies = []
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = load_classifier(base, classes)
        move(model, device)
        groups = _parameter_groups(model, settings)
        run = TrainingRun(
            model, groups, settings=settings, examples=len(texts.ids), on_step=on_step
        )
        for epoch in range(settings.epochs):
            batches = shuffled_batches(texts, settings.batch_size, settings.seed + epoch)
            run.train_epoch(
                [batch.to(device) for batch in batches],
                lambda batch: cross_entropy(_logits(model, batch), batch.labels),
            )
            loss, accuracy = _validate(model, checks)
            accuracies.append(accuracy)
            if not run.goes_on(loss):
                break
    run.restore_best()
    save_model(folder, model, tokenizer)
    return FineTuned(tuple(run.validation_losses), tuple(accuracies), run.best_epoch)


def _validate(model: PreTrainedModel, batches: Sequence[Batch]) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy."""
    loss = right = examples = 0.0
    with torch.inference_mode():
        for batch in batches:
            logits = _logits(model, batch)
            loss += cross_entropy(logits, batch.labels, reduction="sum").item()
            right += (logits.argmax(dim=1) == batch.labels).sum().item()
            examples += len(batch.labels)
    return loss / examples, right / examples


def _logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    logits: Tensor = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    return logits


def _parameter_groups(model: PreTrainedModel, settings: FineTuning) -> list[dict[str, object]]:
    """Split the parameters into base and head, each with and without weight decay."""
    inside = base_parameters(model)
    freeze(inside, settings.frozen)
    head = head_parameters(model).values()
    return [
        *decay_groups(inside.values(), settings.learning_rate, settings.weight_decay),
        *decay_groups(head, settings.head_learning_rate, settings.weight_decay),
    ]
