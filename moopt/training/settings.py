"""How to fine-tune, as one frozen value."""

from dataclasses import KW_ONLY, dataclass

from moopt.errors import TrainingError


@dataclass(frozen=True, slots=True)
class FineTuning:
    """Settings of one fine-tuning run with AdamW.

    The learning rate rises linearly from 0, then falls linearly to 0.

    Raises:
        TrainingError: A setting is out of its range.
    """

    _: KW_ONLY
    learning_rate: float
    """Peak, for the weights of the base model."""

    head_learning_rate: float
    """Peak, for the classification head, which starts from random numbers."""

    epochs: int
    batch_size: int = 32
    max_tokens: int = 64
    """Longer texts are cut, special tokens included."""

    warm_up: float = 0.1
    """Share of the steps in which the learning rate rises."""

    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    patience: int = 2
    """Epochs without a better validation loss after which the run ends."""

    frozen: tuple[str, ...] = ()
    """Parts of the base model that stay as they are: beginnings of parameter names, without the
    base model's prefix, such as `embeddings`."""

    seed: int = 0

    def __post_init__(self) -> None:
        checks = {
            "learning_rate > 0": self.learning_rate > 0,
            "head_learning_rate > 0": self.head_learning_rate > 0,
            "epochs >= 1": self.epochs >= 1,
            "batch_size >= 1": self.batch_size >= 1,
            "max_tokens >= 3": self.max_tokens >= 3,
            "0 <= warm_up < 1": 0 <= self.warm_up < 1,
            "weight_decay >= 0": self.weight_decay >= 0,
            "max_gradient_norm > 0": self.max_gradient_norm > 0,
            "patience >= 1": self.patience >= 1,
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise TrainingError(f"fine-tuning needs {', '.join(broken)}, got {self}")
