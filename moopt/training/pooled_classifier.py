"""A classifier on the mean of what an encoder says of each token.

Encoders of sentences are trained for this mean. Their first token, which transformers' classifiers
look at, says little in the lower layers, so that a short encoder takes long to learn from it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True, slots=True)
class Classes:
    """What a classifier says."""

    logits: Float[Tensor, "n classes"]


class PooledClassifier(nn.Module):
    """An encoder, dropout, and one linear layer on the mean over tokens."""

    base_model_prefix = "encoder"
    """As transformers names it: what is not below it is the head."""

    def __init__(self, encoder: PreTrainedModel, classes: int, dropout: float) -> None:
        """Put a new head on an encoder; its weights come from torch's random state."""
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(encoder.config.hidden_size, classes)

    @property
    def config(self) -> PretrainedConfig:
        """That of the encoder."""
        return self.encoder.config

    def forward(
        self, input_ids: Int[Tensor, "n tokens"], attention_mask: Int[Tensor, "n tokens"]
    ) -> Classes:
        """Return what it says of each class of some texts."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        logits: Tensor = self.classifier(self.dropout(mean))
        return Classes(logits)


def pooled_classifier(
    encoder: PreTrainedModel, classes: tuple[str, ...], dropout: float | None
) -> PooledClassifier:
    """Put a head on an encoder.

    Args:
        encoder: Its pooler, where it has one, is not used and not trained. Its configuration takes
            the names of the classes.
        classes: In the order of the outputs.
        dropout: Before the head. None: as the encoder has it inside.
    """
    for name, each in encoder.named_parameters():
        each.requires_grad = not name.startswith("pooler.")
    inside = getattr(encoder.config, "hidden_dropout_prob", 0.1)
    encoder.config.id2label = dict(enumerate(classes))
    encoder.config.label2id = {name: index for index, name in enumerate(classes)}
    made = PooledClassifier(encoder, len(classes), inside if dropout is None else dropout)
    torch.nn.init.normal_(made.classifier.weight, std=0.02)
    torch.nn.init.zeros_(made.classifier.bias)
    made.train(mode=False)
    return made
