"""How many steps an update rule needs to train a model up to a target.

Steps are counted, not seconds: they are the same on every machine. Validation is not counted.

Source: Dahl et al., "Benchmarking neural network training algorithms", arXiv 2306.07179, 2023.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from moopt.errors import TrainingError
from moopt.training.update_rule import UpdateRule

Loss = Callable[[Tensor, Tensor, float], Tensor]
"""Takes outputs, targets and label smoothing, which a loss without classes does not look at."""

Metric = Callable[[Tensor, Tensor], float]
"""Takes outputs and targets. Smaller is better."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What a model is trained on and what it is validated on."""

    inputs: Shaped[Tensor, "n ..."]
    targets: Shaped[Tensor, "n ..."]
    validation_inputs: Shaped[Tensor, "m ..."]
    validation_targets: Shaped[Tensor, "m ..."]


@dataclass(frozen=True, slots=True)
class Workload:
    """A model, data, and when they count as trained.

    Raises:
        TrainingError: A number of steps is below 1, or there are fewer steps than the baseline's.
    """

    name: str
    _: KW_ONLY
    model: Callable[[], nn.Module]
    """Makes one from torch's random numbers."""

    examples: Callable[[], Examples]
    """Loads them; equal at each call."""

    loss: Loss
    metric: Metric
    target: float
    """Of the metric on the validation examples: at most this."""

    baseline_steps: int
    """How many the baseline needs: other rules are compared with it."""

    most_steps: int
    """A run that has not come to the target by then has missed it."""

    batch_size: int = 32
    check_every: int = 5
    """Steps between two validations."""

    def __post_init__(self) -> None:
        if not 1 <= self.check_every <= self.baseline_steps <= self.most_steps:
            raise TrainingError(
                f"the workload {self.name!r} needs 1 <= check_every <= baseline_steps <= "
                f"most_steps, got {self.check_every}, {self.baseline_steps}, {self.most_steps}"
            )


@dataclass(frozen=True, slots=True)
class Training:
    """What came of one run."""

    steps: int | None
    """Until the target was reached. None: it was not."""

    progress: float
    """Share of the way from the untrained model to the target, at the best check: 0 to 1."""

    seconds: float
    """Of training, without validation."""

    metrics: tuple[float, ...]
    """At each check, the first one before any step."""


def time_to_target(workload: Workload, examples: Examples, rule: UpdateRule, seed: int) -> Training:
    """Train until the target, or the most steps, or until the loss is no longer a number.

    Equal arguments give equal steps on one machine with one number of threads. The global state of
    torch's random numbers is left as it was.

    Args:
        workload: What to train.
        examples: Those of the workload; they are loaded once for many runs.
        rule: How to train.
        seed: Of the weights at the start and the order of the examples.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = workload.model()
        optimizer = rule.optimizer(model.parameters())
        batches = _batches(len(examples.inputs), workload.batch_size, seed)
        metrics = [_validated(model, workload, examples)]
        seconds = 0.0
        for step in range(workload.most_steps):
            began = time.perf_counter()
            chosen = next(batches)
            loss = workload.loss(
                model(examples.inputs[chosen]), examples.targets[chosen], rule.label_smoothing
            )
            for group in optimizer.param_groups:
                group["lr"] = rule.learning_rate * rule.share_of_peak(step, workload.most_steps)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            seconds += time.perf_counter() - began
            if (step + 1) % workload.check_every:
                continue
            metrics.append(_validated(model, workload, examples))
            if metrics[-1] <= workload.target:
                return Training(step + 1, 1.0, seconds, tuple(metrics))
            if not math.isfinite(metrics[-1]):
                break
    return Training(None, _progress(metrics, workload.target), seconds, tuple(metrics))


def _validated(model: nn.Module, workload: Workload, examples: Examples) -> float:
    model.train(mode=False)
    with torch.inference_mode():
        outputs = model(examples.validation_inputs)
    model.train()
    if not bool(outputs.isfinite().all()):
        return math.inf
    return workload.metric(outputs, examples.validation_targets)


def _batches(examples: int, size: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(examples, generator=generator).split(size)


def _progress(metrics: list[float], target: float) -> float:
    way = metrics[0] - target
    if not way > 0:
        return 0.0
    return min(1.0, max(0.0, (metrics[0] - min(metrics)) / way))
