"""Tune an expert of a base model and keep the epoch with the best validation loss."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from moopt.training.batches import Batch, batches_by_length
from moopt.training.fine_tuning import fine_tuning_run
from moopt.training.labelled_texts import LabelledTexts
from moopt.training.settings import FineTuning, LanguageTuning
from moopt.training.text_tasks import (
    Classification,
    LanguageModelling,
    TextTask,
    class_logits,
    losses_of_texts,
)
from moopt.training.training_run import Step, require_finite
from moopt.training.transformers_models import load_tokenizer, save_model

VALIDATION_BATCH = 100
"""Texts that a classifier is validated on at once."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a run came to."""

    validation_losses: tuple[float, ...]
    """After each epoch: mean loss of a text, or of a token for a language model, in nats."""

    validation_accuracies: tuple[float, ...]
    """After each epoch. Empty for a language model."""

    best_epoch: int
    """Index of the epoch whose weights were kept, the first of equals."""


class BestEpoch:
    """Keeps the weights of the epoch with the best validation loss."""

    def __init__(self, patience: int) -> None:
        """Begin before the first epoch.

        Args:
            patience: Epochs without a better loss after which another is not worth it.
        """
        self.losses: list[float] = []
        self._patience = patience
        self._weights: dict[str, Tensor] = {}

    @property
    def index(self) -> int:
        """Which epoch was best, the first of equals."""
        return self.losses.index(min(self.losses))

    def goes_on(self, loss: float, model: nn.Module) -> bool:
        """Take the validation loss after an epoch, and return whether another is worth it."""
        self.losses.append(loss)
        since_best = len(self.losses) - 1 - self.index
        if since_best == 0:
            state = model.state_dict()
            self._weights = {name: value.detach().clone() for name, value in state.items()}
        return since_best < self._patience

    def restore(self, model: nn.Module) -> None:
        """Put the weights of the best epoch back."""
        model.load_state_dict(self._weights)


def tune_expert(
    base: Path,
    folder: Path,
    *,
    train: LabelledTexts,
    validation: LabelledTexts,
    settings: FineTuning | LanguageTuning,
    on_step: Callable[[Step], None] | None = None,
    device: str = "cpu",
) -> Tuned:
    """Tune a base model and write a model folder.

    Equal arguments give equal weights on one machine with one number of threads. The global state
    of torch's random numbers is left as it was.

    Args:
        base: A Hugging Face model folder; it is only read.
        folder: Where the expert is written. It appears when it is complete.
        train: The labels name the classes of a classifier; a language model learns the texts.
        validation: Others, which decide which epoch is kept.
        settings: How to train; the type says what.
        on_step: Called after each step.
        device: Where to train, as torch names it.

    Raises:
        TrainingError: The loss is no longer a number, a part to freeze is not in the model, or
            nothing is left to train.
    """
    config = settings.training
    tokenizer = load_tokenizer(base)
    task, batch_size = _task(settings, train)
    if isinstance(settings, LanguageTuning):
        train, validation = train[: settings.train_texts], validation[: settings.validation_texts]
    texts, others = (
        task.encode(each, tokenizer, config.max_tokens) for each in (train, validation)
    )
    checks = [batch.to(device) for batch in batches_by_length(others, batch_size)]
    run = fine_tuning_run(base, task, texts, config, device=device, on_step=on_step)
    best, accuracies = BestEpoch(settings.patience), []
    for epoch in range(1, config.epochs + 1):
        run.train_to(epoch * run.steps_per_epoch)
        loss, accuracy = _validate(task, run.model, checks)
        require_finite(loss, run.done, config)
        if accuracy is not None:
            accuracies.append(accuracy)
        if not best.goes_on(loss, run.model):
            break
    best.restore(run.model)
    if not isinstance(run.model, PreTrainedModel):
        raise TypeError(run.model)
    save_model(folder, run.model, tokenizer)
    return Tuned(tuple(best.losses), tuple(accuracies), best.index)


def _task(settings: FineTuning | LanguageTuning, train: LabelledTexts) -> tuple[TextTask, int]:
    match settings:
        case FineTuning():
            return Classification(train.classes), VALIDATION_BATCH
        case LanguageTuning():
            return LanguageModelling(), settings.batch_size


def _validate(task: TextTask, model: nn.Module, batches: list[Batch]) -> tuple[float, float | None]:
    """Return the mean loss, and a classifier's accuracy."""
    if isinstance(task, Classification):
        logits, labels = class_logits(model, batches)
        right = (logits.argmax(dim=1) == labels).float().mean().item()
        return cross_entropy(logits, labels).item(), right
    losses, tokens = losses_of_texts(model, batches)
    return (losses.sum() / tokens.sum()).item(), None
