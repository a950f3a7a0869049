"""Teach a small classifier the answers of a large one.

Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", NeurIPS Deep
Learning Workshop 2014.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import kl_div
from transformers import PreTrainedModel

from moopt.errors import TrainingError
from moopt.training.batches import Batch, TokenizedTexts, batches_by_length, shuffled_batches
from moopt.training.parameter_groups import base_parameters, decay_groups, freeze
from moopt.training.text_tasks import text_logits


@dataclass(frozen=True, slots=True)
class Distillation:
    """How a student learns from a teacher's logits: with AdamW, whose rate falls linearly to 0.

    Raises:
        TrainingError: A setting is out of its range.
    """

    _: KW_ONLY
    steps: int
    """0: the student stays as it was cut."""

    learning_rate: float
    batch_size: int = 32
    temperature: float = 2.0
    """By which logits are divided: the higher, the more the unlikely classes tell."""

    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    frozen: tuple[str, ...] = ("embeddings",)
    """Parts of the base model that stay as they are: beginnings of parameter names."""

    def __post_init__(self) -> None:
        checks = {
            "steps >= 0": self.steps >= 0,
            "learning_rate > 0": self.learning_rate > 0,
            "batch_size >= 1": self.batch_size >= 1,
            "temperature > 0": self.temperature > 0,
            "weight_decay >= 0": self.weight_decay >= 0,
            "max_gradient_norm > 0": self.max_gradient_norm > 0,
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise TrainingError(f"distillation needs {', '.join(broken)}, got {self}")


def logits_of(
    model: PreTrainedModel, texts: TokenizedTexts, *, device: str = "cpu", batch_size: int = 100
) -> Float[Tensor, "n classes"]:
    """Return a classifier's logits for each text, in the order of the texts, on the CPU."""
    batches = batches_by_length(_numbered(texts), batch_size)
    with torch.inference_mode():
        found = torch.cat([text_logits(model, batch.to(device)).cpu() for batch in batches])
    # in the order of the batches so far
    return found[torch.cat([batch.labels for batch in batches]).argsort()]


def distil(
    student: PreTrainedModel,
    texts: TokenizedTexts,
    logits: Float[Tensor, "n classes"],
    settings: Distillation,
    *,
    seed: int,
    device: str = "cpu",
) -> None:
    """Train a student, in place, until its answers are like a teacher's.

    Dropout is off: a small model that learns for a short time has nothing to forget. Equal
    arguments give equal weights on one machine with one number of threads.

    Args:
        student: On the device.
        texts: Their labels are not looked at, so they need none.
        logits: The teacher's, one row a text.
        settings: How to train.
        seed: Decides the order of the texts.
        device: Where the student is, as torch names it.

    Raises:
        TrainingError: The loss is no longer a number, or a part to freeze is not in the student.
    """
    freeze(base_parameters(student), settings.frozen)
    trained = [each for each in student.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(
        decay_groups(trained, settings.learning_rate, settings.weight_decay)
    )
    batches = itertools.islice(_endless(texts, settings.batch_size, seed), settings.steps)
    for step, batch in enumerate(batches):
        taught = logits[batch.labels].to(device)
        loss = _divergence(text_logits(student, batch.to(device)), taught, settings.temperature)
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"the loss became {loss.item()} at step {step + 1} of {settings.steps}; "
                f"use a smaller learning_rate (now {settings.learning_rate:g})"
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trained, settings.max_gradient_norm)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 - step / settings.steps)
        optimizer.step()


def _numbered(texts: TokenizedTexts) -> TokenizedTexts:
    """Return the texts with their places as labels: so a batch knows which texts it has."""
    return replace(texts, labels=tuple(range(len(texts.ids))))


def _endless(texts: TokenizedTexts, batch_size: int, seed: int) -> Iterator[Batch]:
    for epoch in itertools.count():
        yield from shuffled_batches(_numbered(texts), batch_size, seed + epoch)


def _divergence(
    student: Float[Tensor, "n classes"], teacher: Float[Tensor, "n classes"], temperature: float
) -> Float[Tensor, ""]:
    """Return the mean Kullback-Leibler divergence, scaled so that gradients do not shrink."""
    divergence = kl_div(
        (student / temperature).log_softmax(dim=1),
        (teacher / temperature).log_softmax(dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * temperature**2
