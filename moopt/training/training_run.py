"""A training run: steps over batches up to a point of a schedule that is laid out for the whole.

What is predicted, and from what, is the caller's business: a run takes the loss of a batch as a
function. A run that is saved and goes on takes the steps that it would have taken anyway: the order
of the data follows from seed and epoch, and the state of random numbers is the run's own, so that
what happens between its steps does not change them.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from moopt.errors import TrainingError
from moopt.training.configuration import TrainingConfig
from moopt.training.divergence import LossWatch
from moopt.training.optimizers import make_optimizer
from moopt.training.parameter_groups import parameter_groups
from moopt.training.run_checkpoint import read_state, save_state
from moopt.training.schedules import share_of_peak

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is, for a progress bar."""

    done: int
    total: int
    """Steps of the whole length; a run can end before."""

    loss: float
    """Mean loss of the last batch."""


@dataclass(frozen=True, slots=True)
class Assignment(Generic[Batch]):
    """What is learned, and from what."""

    examples: int
    """How many an epoch has."""

    _: KW_ONLY
    batches: Callable[[int], Sequence[Sequence[Batch]]]
    """Of an epoch, counted from 0: for every step the parts of its batch. Equal at each call."""

    loss: Callable[[Batch], Tensor]
    """Mean loss of a part."""

    weight: Callable[[Batch], float] = lambda _part: 1.0
    """How much a part counts in the mean of its batch, such as its number of examples."""


class TrainingRun(Generic[Batch]):
    """A run under way: the model, its optimizer and where they stand."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        assignment: Assignment[Batch],
        *,
        device: str = "cpu",
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        """Start at the model's weights, which the run changes, and at torch's random state.

        Args:
            model: What is trained; it is on the device.
            config: How to train. Length, optimizer, schedule and rates are read here.
            assignment: What to learn.
            device: Name of a torch device.
            on_step: Called after each step.

        Raises:
            TrainingError: Nothing is left to train, or there is no such optimizer.
        """
        self.model = model
        self.config = config
        self.done = 0
        self.seconds = 0.0
        """What the steps have taken: CPU seconds, or seconds of the GPU."""

        self._assignment = assignment
        self._device = torch.device(device)
        self._on_step = on_step
        self._optimizer = make_optimizer(parameter_groups(model, config), config)
        self._peaks = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._watch = LossWatch()
        self._random = self._random_state()
        self._epoch: tuple[int, Sequence[Sequence[Batch]]] = (-1, ())

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass through the examples."""
        return math.ceil(self._assignment.examples / self.config.batch_size)

    @property
    def total(self) -> int:
        """Steps of the whole length."""
        if self.config.steps is not None:
            return self.config.steps
        return self.config.epochs * self.steps_per_epoch

    @property
    def rates(self) -> list[float]:
        """Learning rate of each group of parameters in the last step."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]

    def train_to(self, step: int) -> None:
        """Take steps until so many are done; none where they are.

        Raises:
            TrainingError: The loss is no longer a number, or far above where it began for long.
        """
        started = self._clock()
        with torch.random.fork_rng(devices=self._gpus()):
            self._set_random_state(self._random)
            self.model.train()
            try:
                while self.done < min(step, self.total):
                    self._take_step()
            finally:
                self.model.train(mode=False)
            self._random = self._random_state()
        self.seconds += self._clock() - started

    def save(self, folder: Path, run: str) -> None:
        """Write where the run stands below a folder.

        Args:
            folder: The trial's.
            run: What tells this run from others; see `run_checkpoint.identity`.
        """
        named = self.model.named_parameters(remove_duplicate=False)  # tied ones by each name
        frozen = {name for name, each in named if not each.requires_grad}
        state = self.model.state_dict()
        save_state(
            folder,
            run,
            {
                "weights": {name: value for name, value in state.items() if name not in frozen},
                "optimizer": self._optimizer.state_dict(),
                "random": self._random,
                "watch": self._watch.state,
                "done": self.done,
                "seconds": self.seconds,
            },
        )

    def resume(self, folder: Path, run: str, *, at_most: int) -> bool:
        """Go on where a run was saved, and say whether that was possible.

        Args:
            folder: Where it was saved.
            run: Its identity: a run with another one is not gone on with.
            at_most: Not where it is further than so many steps.
        """
        state = read_state(folder, run)
        if state is None or not self.done < state["done"] <= at_most:
            return False
        self.model.load_state_dict(state["weights"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])
        self._random = state["random"]
        self._watch = LossWatch(state["watch"]["first"], state["watch"]["last"])
        self.done, self.seconds = state["done"], state["seconds"]
        return True

    def _take_step(self) -> None:
        parts = self._parts()
        weights = [self._assignment.weight(part) for part in parts]
        self._optimizer.zero_grad(set_to_none=True)
        mean = 0.0
        for part, weight in zip(parts, weights, strict=True):
            with self._precision():
                loss = self._assignment.loss(part)
            if len(parts) > 1:
                loss = loss * (weight / sum(weights))
            mean += loss.item()
            torch.autograd.backward(loss)
        self._watch.take(mean, f"step {self.done + 1} of {self.total}", self._advice())
        trained = [each for each in self.model.parameters() if each.requires_grad]
        torch.nn.utils.clip_grad_norm_(trained, self.config.max_gradient_norm)
        # A schedule of torch and its optimizer refer to each other: both would outlive the run,
        # and with them all the weights.
        share = share_of_peak(self.config.schedule, self.done, self.total, self.config.warm_up)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * share
        self._optimizer.step()
        self.done += 1
        if self._on_step is not None:
            self._on_step(Step(self.done, self.total, mean))

    def _parts(self) -> Sequence[Batch]:
        epoch, index = divmod(self.done, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._assignment.batches(epoch))
        return self._epoch[1][index]

    def _advice(self) -> str:
        return f"use a smaller learning_rate (now {self.config.rates}) or a longer warm_up"

    def _precision(self) -> AbstractContextManager[object]:
        if self.config.mixed_precision and self._device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def _gpus(self) -> list[torch.device]:
        return [self._device] if self._device.type == "cuda" else []

    def _random_state(self) -> list[Tensor]:
        return [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._gpus())]

    def _set_random_state(self, state: list[Tensor]) -> None:
        torch.set_rng_state(state[0])
        for gpu, own in zip(self._gpus(), state[1:], strict=False):
            torch.cuda.set_rng_state(own, gpu)

    def _clock(self) -> float:
        if self._device.type != "cuda":
            return time.process_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()


def require_finite(loss: float, done: int, config: TrainingConfig) -> None:
    """Refuse a validation loss that is not a number.

    Raises:
        TrainingError: It is not.
    """
    if not math.isfinite(loss):
        raise TrainingError(
            f"the validation loss became {loss} after {done} steps; "
            f"use a smaller learning_rate (now {config.rates})"
        )
