"""How to train, as one frozen value: what a trial's parameters are mapped to."""

from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

from moopt.errors import TrainingError

SCHEDULES = ("linear", "cosine", "constant", "inverse_sqrt")


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank adapters, which are trained in place of the weights that they sit on.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.

    Raises:
        TrainingError: A setting is out of its range.
    """

    _: KW_ONLY
    rank: int = 8
    alpha: float = 16.0
    """The adapter's product is scaled by `alpha / rank`."""

    dropout: float = 0.0
    """On what enters the adapters."""

    targets: tuple[str, ...] = ()
    """Names of the linear layers that get one, such as `q_proj`. Empty: what PEFT takes for the
    architecture."""

    upper_layers: int | None = None
    """Only so many of the uppermost layers get adapters: the rest needs no backward pass. None:
    all."""

    def __post_init__(self) -> None:
        _refuse_broken(
            self,
            {
                "rank >= 1": self.rank >= 1,
                "alpha > 0": self.alpha > 0,
                "0 <= dropout < 1": 0 <= self.dropout < 1,
                "upper_layers >= 1 or None": self.upper_layers is None or self.upper_layers >= 1,
            },
        )


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """What one training run depends on, beside the base model and the data.

    The schedule is laid out for the whole length. A run may stop on the way and go on later.

    Raises:
        TrainingError: A setting is out of its range.
    """

    _: KW_ONLY
    learning_rate: float
    """Peak, for the weights of the base model."""

    head_learning_rate: float | None = None
    """Peak, for a head that starts from random numbers. None: as the base."""

    layer_decay: float = 1.0
    """Learning rate of a layer in shares of that of the layer above it; the embeddings are below
    the lowest layer.

    Source: Howard and Ruder, "Universal language model fine-tuning for text classification", ACL
    2018.
    """

    epochs: int = 3
    """The whole length."""

    steps: int | None = None
    """The whole length in steps of the optimizer, in place of epochs. None: `epochs` says it."""

    batch_size: int = 32
    """Examples in a step."""

    accumulation: int = 1
    """Into so many parts a batch is split, whose gradients are summed, to need less memory."""

    max_tokens: int = 64
    """Longer texts are cut, special tokens included."""

    optimizer: str = "adamw"
    """`adamw`, `lion`, `sgd`, or a name that transformers has for `TrainingArguments.optim`."""

    momentum: float = 0.9
    """Of `sgd`."""

    beta1: float | None = None
    """Of `adamw` and `lion`. None: 0.9."""

    beta2: float | None = None
    """Of `adamw` and `lion`. None: 0.999 and 0.99."""

    schedule: str = "linear"
    """After the warm-up: `linear` or `cosine` to 0, `constant`, or `inverse_sqrt`."""

    warm_up: float = 0.1
    """Share of the steps in which the learning rate rises linearly to its peak."""

    weight_decay: float = 0.01
    """Of matrices; biases and norms do not decay."""

    label_smoothing: float = 0.0
    dropout: float | None = None
    """Of every dropout layer that the model's configuration names. None: as it says."""

    max_gradient_norm: float = 1.0
    layers: int | None = None
    """Layers of the base that are kept, the lowest ones. None: all."""

    frozen: tuple[str, ...] = ()
    """Parts of the base model that stay as they are: beginnings of parameter names, without the
    base model's prefix, such as `embeddings`."""

    frozen_layers: int = 0
    """So many of the lowest layers stay as they are; the embeddings too where it is not 0."""

    lora: Lora | None = None
    """None: the weights themselves are trained."""

    mixed_precision: bool = False
    """Compute in bfloat16 where the device is a GPU; weights stay in float32."""

    gradient_checkpointing: bool = False
    """Compute activations twice to need less memory."""

    seed: int = 0

    def __post_init__(self) -> None:
        momenta = (self.momentum, self.beta1 or 0.0, self.beta2 or 0.0, self.label_smoothing)
        steps = 1 if self.steps is None else self.steps
        lengths = (self.epochs, self.batch_size, self.accumulation, steps)
        _refuse_broken(
            self,
            {
                "learning_rate > 0": self.learning_rate > 0,
                "head_learning_rate > 0": self.head_rate > 0,
                "0 < layer_decay <= 1": 0 < self.layer_decay <= 1,
                "epochs, batch_size, accumulation and steps >= 1": min(lengths) >= 1,
                "max_tokens >= 3": self.max_tokens >= 3,
                "0 <= momentum, betas and label_smoothing < 1": all(0 <= x < 1 for x in momenta),
                f"schedule in {SCHEDULES}": self.schedule in SCHEDULES,
                "0 <= warm_up < 1": 0 <= self.warm_up < 1,
                "weight_decay >= 0": self.weight_decay >= 0,
                "0 <= dropout < 1": 0 <= (self.dropout or 0.0) < 1,
                "max_gradient_norm > 0": self.max_gradient_norm > 0,
                "layers >= 1 or None": self.layers is None or self.layers >= 1,
                "frozen_layers >= 0": self.frozen_layers >= 0,
                "accumulation <= batch_size": self.accumulation <= self.batch_size,
            },
        )

    @property
    def head_rate(self) -> float:
        """Peak learning rate of the head."""
        return self.learning_rate if self.head_learning_rate is None else self.head_learning_rate

    @property
    def rates(self) -> str:
        """The learning rates, for a message."""
        if self.head_learning_rate is None:
            return f"{self.learning_rate:g}"
        return f"{self.learning_rate:g}, head {self.head_learning_rate:g}"

    def to_dict(self) -> dict[str, Any]:
        """Return every setting by name, for JSON."""
        return asdict(self)


def _refuse_broken(config: Lora | TrainingConfig, rules: dict[str, bool]) -> None:
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise TrainingError(f"training needs {', '.join(broken)}, got {config}")
