"""How to fine-tune, as frozen values: one for classifiers, one for language models.

In both the learning rate of AdamW rises linearly from 0, then falls linearly to 0.
"""

from dataclasses import KW_ONLY, dataclass

from moopt.errors import TrainingError


@dataclass(frozen=True, slots=True)
class FineTuning:
    """Settings of one fine-tuning run of a classifier.

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
        _check(self, {"head_learning_rate > 0": self.head_learning_rate > 0})

    @property
    def rates(self) -> str:
        """The learning rates, for a message."""
        return f"{self.learning_rate:g}, head {self.head_learning_rate:g}"


@dataclass(frozen=True, slots=True)
class LanguageTuning:
    """Settings of one tuning run of a causal language model on plain texts.

    Raises:
        TrainingError: A setting is out of its range.
    """

    _: KW_ONLY
    learning_rate: float
    """Peak."""

    epochs: int = 1
    batch_size: int = 16
    max_tokens: int = 48
    """Longer texts are cut. Shorter ones close with the end token, which is learned with them."""

    train_texts: int | None = None
    """How many texts of the split are trained on, the first ones. None: all."""

    validation_texts: int | None = None
    """How many texts of the split decide which epoch is kept, the first ones. None: all."""

    warm_up: float = 0.1
    """Share of the steps in which the learning rate rises."""

    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    patience: int = 2
    """Epochs without a better validation loss after which the run ends."""

    frozen: tuple[str, ...] = ()
    """Parts of the model that stay as they are: beginnings of parameter names, without the base
    model's prefix, such as `embed_tokens` or `layers.0.`."""

    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.train_texts, self.validation_texts)
        _check(
            self,
            {
                "train_texts and validation_texts >= 1, where they are given": all(
                    count is None or count >= 1 for count in counts
                )
            },
        )

    @property
    def rates(self) -> str:
        """The learning rate, for a message."""
        return f"{self.learning_rate:g}"


def _check(settings: FineTuning | LanguageTuning, own_checks: dict[str, bool]) -> None:
    checks = {
        "learning_rate > 0": settings.learning_rate > 0,
        **own_checks,
        "epochs >= 1": settings.epochs >= 1,
        "batch_size >= 1": settings.batch_size >= 1,
        "max_tokens >= 3": settings.max_tokens >= 3,
        "0 <= warm_up < 1": 0 <= settings.warm_up < 1,
        "weight_decay >= 0": settings.weight_decay >= 0,
        "max_gradient_norm > 0": settings.max_gradient_norm > 0,
        "patience >= 1": settings.patience >= 1,
    }
    broken = [rule for rule, holds in checks.items() if not holds]
    if broken:
        raise TrainingError(f"fine-tuning needs {', '.join(broken)}, got {settings}")
