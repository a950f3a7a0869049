"""One configuration of an optimizer with its schedule, for models of any kind."""

import enum
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

from torch import nn
from torch.optim import SGD, AdamW, NAdam, Optimizer

from moopt.errors import TrainingError
from moopt.training.lion import Lion
from moopt.training.schedules import share_of_peak


class Method(enum.Enum):
    """How gradients become steps."""

    ADAMW = "adamw"
    NADAMW = "nadamw"
    SGD = "sgd"
    """With Nesterov's momentum."""

    LION = "lion"


class Schedule(enum.Enum):
    """How the learning rate goes after the warm-up, until the horizon."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """What is set before training starts, and is the same for every workload.

    Raises:
        TrainingError: A setting is out of its range.
    """

    method: Method
    _: KW_ONLY
    learning_rate: float
    """Peak, after the warm-up."""

    beta1: float = 0.9
    """How slowly the momentum forgets; of SGD, too."""

    beta2: float = 0.999
    """How slowly the second average forgets. SGD has none."""

    weight_decay: float = 0.0
    """Apart from the gradient, except in SGD, where it is part of it."""

    schedule: Schedule = Schedule.COSINE
    warm_up: float = 0.05
    """Share of the horizon in which the learning rate rises linearly."""

    horizon: float = 1.0
    """Share of the most steps after which the learning rate has come to 0."""

    label_smoothing: float = 0.0
    """For workloads that tell classes apart."""

    def __post_init__(self) -> None:
        checks = {
            "learning_rate > 0": self.learning_rate > 0,
            "0 <= beta1 < 1": 0 <= self.beta1 < 1,
            "0 <= beta2 < 1": 0 <= self.beta2 < 1,
            "weight_decay >= 0": self.weight_decay >= 0,
            "0 <= warm_up < 1": 0 <= self.warm_up < 1,
            "0 < horizon <= 1": 0 < self.horizon <= 1,
            "0 <= label_smoothing < 1": 0 <= self.label_smoothing < 1,
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise TrainingError(f"an update rule needs {', '.join(broken)}, got {self}")

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimizer of some parameters, at its peak rate."""
        rate, decay = self.learning_rate, self.weight_decay
        betas = (self.beta1, self.beta2)
        match self.method:
            case Method.ADAMW:
                return AdamW(parameters, lr=rate, betas=betas, weight_decay=decay)
            case Method.NADAMW:
                return NAdam(
                    parameters,
                    lr=rate,
                    betas=betas,
                    weight_decay=decay,
                    decoupled_weight_decay=True,
                )
            case Method.SGD:
                nesterov = self.beta1 > 0
                return SGD(
                    parameters,
                    lr=rate,
                    momentum=self.beta1,
                    weight_decay=decay,
                    nesterov=nesterov,
                )
            case Method.LION:
                groups = [{"params": list(parameters)}]
                return Lion(groups, lr=rate, betas=betas, weight_decay=decay)

    def share_of_peak(self, step: int, most_steps: int) -> float:
        """Return the learning rate of a step as a share of the peak.

        Args:
            step: From 0.
            most_steps: After which a run ends.
        """
        end = max(1, round(self.horizon * most_steps))
        return share_of_peak(self.schedule.value, min(step, end), end, self.warm_up)
