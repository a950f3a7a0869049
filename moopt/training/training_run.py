"""A training run with AdamW that keeps the epoch with the best validation loss.

What is predicted, and from what, is the caller's business: a run takes the loss of a batch as a
function and the validation loss as a number.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import AdamW
from transformers import PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.batches import Batch
from moopt.training.settings import FineTuning, LanguageTuning


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is, for a progress bar."""

    done: int
    total: int
    """Steps of all epochs; early stopping can end the run before."""

    loss: float
    """Mean cross-entropy of the last batch."""


class TrainingRun:
    """A run under way: the model, its optimizer and the best weights so far."""

    def __init__(
        self,
        model: PreTrainedModel,
        groups: list[dict[str, object]],
        *,
        settings: FineTuning | LanguageTuning,
        examples: int,
        on_step: Callable[[Step], None] | None,
    ) -> None:
        """Start at the model's weights, which the run changes.

        Args:
            model: What is trained.
            groups: Its trained parameters, as AdamW takes them.
            settings: How to train.
            examples: How many an epoch has.
            on_step: Called after each step.
        """
        self.model = model
        self.validation_losses: list[float] = []
        self._settings = settings
        self._on_step = on_step
        self._total = settings.epochs * math.ceil(examples / settings.batch_size)
        self._done = 0
        self._optimizer = AdamW(groups)
        self._peaks = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._best: dict[str, Tensor] = {}

    @property
    def best_epoch(self) -> int:
        """Index of the epoch with the best validation loss, the first of equals."""
        return self.validation_losses.index(min(self.validation_losses))

    def train_epoch(self, batches: Sequence[Batch], loss_of: Callable[[Batch], Tensor]) -> None:
        """Take one step a batch.

        Raises:
            TrainingError: The loss is no longer a number.
        """
        self.model.train()
        trained = [each for each in self.model.parameters() if each.requires_grad]
        for batch in batches:
            loss = loss_of(batch)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"the training loss became {value} at step {self._done + 1} of {self._total}; "
                    f"use a smaller learning_rate (now {self._settings.rates}) or a longer warm_up"
                )
            self._optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(trained, self._settings.max_gradient_norm)
            # A schedule of torch and its optimizer refer to each other: both would outlive the run,
            # and with them all the weights.
            for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
                group["lr"] = peak * self._share_of_peak(self._done)
            self._optimizer.step()
            self._done += 1
            if self._on_step is not None:
                self._on_step(Step(self._done, self._total, value))
        self.model.train(mode=False)

    def goes_on(self, validation_loss: float) -> bool:
        """Take the validation loss after an epoch, and return whether another is worth it.

        Raises:
            TrainingError: The loss is not a number.
        """
        if not math.isfinite(validation_loss):
            raise TrainingError(
                f"the validation loss became {validation_loss} after {self._done} steps; "
                f"use a smaller learning_rate (now {self._settings.rates})"
            )
        self.validation_losses.append(validation_loss)
        since_best = len(self.validation_losses) - 1 - self.best_epoch
        if since_best == 0:
            self._best = {
                name: value.detach().clone() for name, value in self.model.state_dict().items()
            }
        return since_best < self._settings.patience

    def restore_best(self) -> None:
        """Put the weights of the best epoch back."""
        self.model.load_state_dict(self._best)

    def _share_of_peak(self, step: int) -> float:
        rising = round(self._settings.warm_up * self._total)
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (self._total - step) / max(1, self._total - rising))
