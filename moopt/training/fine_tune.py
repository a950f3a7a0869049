"""Fine-tune a sequence-classification model and keep the epoch with the best validation loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.batches import Batch, batches_by_length, shuffled_batches, tokenized
from moopt.training.folders import new_folder
from moopt.training.labelled_texts import LabelledTexts
from moopt.training.settings import FineTuning
from moopt.training.transformers_models import load_classifier, load_tokenizer, move, quiet

VALIDATION_BATCH = 100


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is, for a progress bar."""

    done: int
    total: int
    """Steps of all epochs; early stopping can end the run before."""

    loss: float
    """Mean cross-entropy of the last batch."""


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
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = load_classifier(base, classes)
        move(model, device)
        run = _Run(model, settings, len(texts.ids), on_step)
        for epoch in range(settings.epochs):
            batches = shuffled_batches(texts, settings.batch_size, settings.seed + epoch)
            run.train_epoch([batch.to(device) for batch in batches])
            if not run.validate(checks):
                break
    run.restore_best()
    with new_folder(folder) as unfinished, quiet():
        move(run.model, "cpu")
        run.model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
    return run.outcome()


class _Run:
    """A run under way: the model, its optimizer and the best weights so far."""

    def __init__(
        self,
        model: PreTrainedModel,
        settings: FineTuning,
        examples: int,
        on_step: Callable[[Step], None] | None,
    ) -> None:
        self.model = model
        self._settings = settings
        self._on_step = on_step
        self._total = settings.epochs * math.ceil(examples / settings.batch_size)
        self._done = 0
        self._optimizer = AdamW(_parameter_groups(model, settings))
        self._schedule = LambdaLR(self._optimizer, self._share_of_peak)
        self._losses: list[float] = []
        self._accuracies: list[float] = []
        self._best: dict[str, Tensor] = {}

    def train_epoch(self, batches: list[Batch]) -> None:
        """Take one step a batch."""
        self.model.train()
        trained = [each for each in self.model.parameters() if each.requires_grad]
        for batch in batches:
            loss = cross_entropy(_logits(self.model, batch), batch.labels)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"the training loss became {value} at step {self._done + 1} of {self._total}; "
                    f"use a smaller learning_rate (now {self._settings.learning_rate:g}, head "
                    f"{self._settings.head_learning_rate:g}) or a longer warm_up"
                )
            self._optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(trained, self._settings.max_gradient_norm)
            self._optimizer.step()
            self._schedule.step()
            self._done += 1
            if self._on_step is not None:
                self._on_step(Step(self._done, self._total, value))

    def validate(self, batches: list[Batch]) -> bool:
        """Measure the validation loss and return whether to go on."""
        self.model.train(mode=False)
        loss = right = examples = 0.0
        with torch.inference_mode():
            for batch in batches:
                logits = _logits(self.model, batch)
                loss += cross_entropy(logits, batch.labels, reduction="sum").item()
                right += (logits.argmax(dim=1) == batch.labels).sum().item()
                examples += len(batch.labels)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the validation loss became {loss} after {self._done} steps; "
                f"use a smaller learning_rate (now {self._settings.learning_rate:g})"
            )
        self._losses.append(loss / examples)
        self._accuracies.append(right / examples)
        best = self._losses.index(min(self._losses))
        if best == len(self._losses) - 1:
            self._best = {
                name: value.detach().clone() for name, value in self.model.state_dict().items()
            }
        return len(self._losses) - 1 - best < self._settings.patience

    def restore_best(self) -> None:
        """Put the weights of the best epoch back."""
        self.model.load_state_dict(self._best)
        self.model.train(mode=False)

    def outcome(self) -> FineTuned:
        """Return what the run came to."""
        return FineTuned(
            tuple(self._losses), tuple(self._accuracies), self._losses.index(min(self._losses))
        )

    def _share_of_peak(self, step: int) -> float:
        rising = round(self._settings.warm_up * self._total)
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (self._total - step) / max(1, self._total - rising))


def _logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    logits: Tensor = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    return logits


def _parameter_groups(model: PreTrainedModel, settings: FineTuning) -> list[dict[str, object]]:
    """Split the parameters into base and head, each with and without weight decay.

    Biases and norms, which have one axis, are not decayed.
    """
    prefix = f"{model.base_model_prefix}."
    inside = {
        name.removeprefix(prefix): each
        for name, each in model.named_parameters()
        if name.startswith(prefix)
    }
    for part in settings.frozen:
        named = [name for name in inside if name.startswith(part)]
        if not named:
            raise TrainingError(
                f"no parameter to freeze begins with {part!r}; the model has, for example, "
                f"{', '.join(list(inside)[:3])}"
            )
        for name in named:
            inside[name].requires_grad = False
    head = [each for name, each in model.named_parameters() if not name.startswith(prefix)]
    body = [each for each in inside.values() if each.requires_grad]
    rates = ((body, settings.learning_rate), (head, settings.head_learning_rate))
    return [
        {
            "params": [each for each in parameters if (each.ndim > 1) == is_matrix],
            "lr": rate,
            "weight_decay": settings.weight_decay if is_matrix else 0.0,
        }
        for parameters, rate in rates
        for is_matrix in (True, False)
    ]
