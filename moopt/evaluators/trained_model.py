"""A model that is trained for a trial, and what can be measured of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

import torch
from torch import Tensor, nn

from moopt.evaluators.metrics.accuracy import accuracy
from moopt.evaluators.metrics.cross_entropy import cross_entropy
from moopt.evaluators.metrics.latency import latency_seconds
from moopt.evaluators.metrics.model_size import model_bytes
from moopt.evaluators.metrics.parameter_count import parameter_count
from moopt.evaluators.metrics.perplexity import log_perplexity
from moopt.evaluators.metrics.training_cost import training_teraflop
from moopt.training.batches import Batch, TokenizedTexts, batches_by_length
from moopt.training.fine_tuning import batches_of_epoch
from moopt.training.text_tasks import TextTask, class_logits, losses_of_texts, text_logits
from moopt.training.training_run import TrainingRun

MEASURED_AT_ONCE = 50
"""Texts in a batch of a measurement."""

MILLI, MEGA = 1e-3, 1e6


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A run, its task and its texts: what a metric is given."""

    run: TrainingRun[Batch]
    task: TextTask
    train: TokenizedTexts
    _: KW_ONLY
    texts_of: Callable[[str], TokenizedTexts]
    """Texts of a split, `search` or `held_out`."""

    device: str
    latency_texts: int = 1
    """How many texts the latency is that of, at once."""

    seen: dict[tuple[str, int], tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Logits and classes by split and step: several metrics need them."""

    settled: dict[str, tuple[float, float]] = field(default_factory=dict)
    """What does not change while the model is trained."""

    @property
    def model(self) -> nn.Module:
        """The model as it is now, in evaluation mode."""
        return self.run.model

    def batches(self, split: str) -> list[Batch]:
        """Return the texts of a split on the device, shortest first."""
        found = batches_by_length(self.texts_of(split), MEASURED_AT_ONCE)
        return [each.to(self.device) for each in found]

    def logits(self, split: str) -> tuple[Tensor, Tensor]:
        """Return what the model, a classifier, says of each class of the texts, and the classes."""
        key = (split, self.run.done)
        if key not in self.seen:
            self.seen[key] = class_logits(self.model, self.batches(split))
        return self.seen[key]


Metric = Callable[[TrainedModel, str], tuple[float, float]]
"""Mean and standard error of something wanted, on a split of the data."""


def _accuracy(trained: TrainedModel, split: str) -> tuple[float, float]:
    logits, labels = trained.logits(split)
    return accuracy(logits.argmax(dim=1), labels)


def _cross_entropy(trained: TrainedModel, split: str) -> tuple[float, float]:
    return cross_entropy(*trained.logits(split))


def _loss(trained: TrainedModel, split: str) -> tuple[float, float]:
    return log_perplexity(*losses_of_texts(trained.model, trained.batches(split)))


def _training_teraflop(trained: TrainedModel, split: str) -> tuple[float, float]:
    del split
    run, shapes = trained.run, Counter[tuple[int, int]]()
    for epoch in range(-(-run.done // run.steps_per_epoch)):
        steps = batches_of_epoch(trained.train, run.config, epoch)
        for parts in steps[: run.done - epoch * run.steps_per_epoch]:
            shapes.update((len(part.labels), part.input_ids.shape[1]) for part in parts)
    smoothing = run.config.label_smoothing
    return training_teraflop(
        run.model, lambda model, batch: trained.task.loss(model, batch, smoothing), shapes
    )


def _training_seconds(trained: TrainedModel, split: str) -> tuple[float, float]:
    del split
    return trained.run.seconds, 0.0


def _latency_ms(trained: TrainedModel, split: str) -> tuple[float, float]:
    if "latency_ms" not in trained.settled:
        texts = trained.texts_of(split)
        by_length = sorted(texts.ids, key=len)
        first = max(0, (len(by_length) - trained.latency_texts) // 2)
        middle = tuple(by_length[first : first + trained.latency_texts])
        chosen = TokenizedTexts(middle, (0,) * len(middle), texts.padding)
        batch = batches_by_length(chosen, len(middle))[0].to(trained.device)
        with torch.inference_mode():
            mean, error = latency_seconds(
                lambda: text_logits(trained.model, batch), device=trained.device
            )
        trained.settled["latency_ms"] = mean / MILLI, error / MILLI
    return trained.settled["latency_ms"]


def _model_megabytes(trained: TrainedModel, split: str) -> tuple[float, float]:
    del split
    return model_bytes(trained.model)[0] / MEGA, 0.0


def _parameters(trained: TrainedModel, split: str) -> tuple[float, float]:
    del split
    return parameter_count(trained.model)


def _trained_parameters(trained: TrainedModel, split: str) -> tuple[float, float]:
    del split
    counts = (each.numel() for each in trained.model.parameters() if each.requires_grad)
    return float(sum(counts)), 0.0


METRICS: dict[str, Metric] = {
    "accuracy": _accuracy,
    "cross_entropy": _cross_entropy,
    "loss": _loss,
    "training_teraflop": _training_teraflop,
    "training_seconds": _training_seconds,
    "latency_ms": _latency_ms,
    "model_megabytes": _model_megabytes,
    "parameters": _parameters,
    "trained_parameters": _trained_parameters,
}
"""Metrics by the names of their measurements. `loss` is a language model's, in nats a token."""
