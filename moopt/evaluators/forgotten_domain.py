"""What a language model has lost on texts that it was not trained on."""

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from torch import Tensor

from moopt.evaluators.metrics.forgetting import forgetting
from moopt.evaluators.trained_model import MEASURED_AT_ONCE, TrainedModel
from moopt.evaluators.training_material import Base, resolved
from moopt.training.batches import batches_by_length
from moopt.training.labelled_texts import read_split
from moopt.training.text_tasks import LanguageModelling, losses_of_texts
from moopt.training.transformers_models import load_language_model, load_tokenizer, move


@dataclass(frozen=True, slots=True)
class ForgottenDomain:
    """A metric of `FineTune`: by how much the loss of a text's token has grown, in nats.

    The base model is measured once in each worker, on the same texts.
    """

    base: Base
    """What training starts from, as `FineTune` is given it."""

    table: Path
    """Texts of the other domain, with the columns text, label and split."""

    _: KW_ONLY
    texts: int
    """How many texts of a split are measured, the first ones; two or more."""

    max_tokens: int
    """Longer texts are cut."""

    before: dict[tuple[str, str], Tensor] = field(default_factory=dict, repr=False)
    """Losses of the base model by split and device. Filled when first asked for."""

    def __call__(self, trained: TrainedModel, split: str) -> tuple[float, float]:
        """Return by how much the mean loss has grown, and its standard error."""
        folder, key = resolved(self.base), (split, trained.device)
        chosen = read_split(self.table, split)[: self.texts]
        tokens = LanguageModelling().encode(chosen, load_tokenizer(folder), self.max_tokens)
        batches = [
            batch.to(trained.device) for batch in batches_by_length(tokens, MEASURED_AT_ONCE)
        ]
        if key not in self.before:
            model = load_language_model(folder)
            move(model, trained.device)
            self.before[key] = _mean(losses_of_texts(model, batches))
        after = _mean(losses_of_texts(trained.model, batches))
        return forgetting(-self.before[key], -after)


def _mean(losses_and_tokens: tuple[Tensor, Tensor]) -> Tensor:
    """Return the mean loss of a token of each text."""
    losses, tokens = losses_and_tokens
    return losses / tokens.clamp(min=1)
