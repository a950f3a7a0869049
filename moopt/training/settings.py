"""How to tune the experts of a set, as frozen values: one for classifiers, one for language models.

They are short forms of a `TrainingConfig`: AdamW, whose learning rate rises linearly, then falls
linearly to 0.
"""

from dataclasses import KW_ONLY, dataclass, replace

from moopt.errors import TrainingError
from moopt.training.configuration import TrainingConfig


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
        _check_patience(self.patience)
        _ = self.training

    @property
    def training(self) -> TrainingConfig:
        """What the training runs depend on."""
        return replace(_training(self), head_learning_rate=self.head_learning_rate)


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
        if any(count is not None and count < 1 for count in counts):
            raise TrainingError(
                f"tuning needs train_texts and validation_texts >= 1, where given, got {self}"
            )
        _check_patience(self.patience)
        _ = self.training

    @property
    def training(self) -> TrainingConfig:
        """What the training runs depend on."""
        return _training(self)


def _training(settings: FineTuning | LanguageTuning) -> TrainingConfig:
    """Return what both kinds of settings say."""
    return TrainingConfig(
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        max_tokens=settings.max_tokens,
        warm_up=settings.warm_up,
        weight_decay=settings.weight_decay,
        max_gradient_norm=settings.max_gradient_norm,
        frozen=settings.frozen,
        seed=settings.seed,
    )


def _check_patience(patience: int) -> None:
    if patience < 1:
        raise TrainingError(f"tuning needs patience >= 1, got {patience}")
