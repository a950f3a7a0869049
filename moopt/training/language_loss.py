"""How surprising each text is to a causal language model."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from moopt.training.batches import Batch

IGNORED = -100


def text_losses(
    logits: Float[Tensor, "n tokens words"], batch: Batch, label_smoothing: float = 0.0
) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """Return the loss of each text in nats, summed over its tokens, and how many it has.

    The first token of a text is given, not predicted, and does not count.

    Args:
        logits: What the model says of the token after each token of the batch.
        batch: What it was given.
        label_smoothing: Share of the target that is spread over all words.
    """
    is_token = batch.attention_mask[:, 1:] > 0
    targets = torch.where(is_token, batch.input_ids[:, 1:], IGNORED)
    losses = cross_entropy(
        logits[:, :-1].flatten(end_dim=1),
        targets.flatten(),
        ignore_index=IGNORED,
        reduction="none",
        label_smoothing=label_smoothing,
    )
    return losses.view_as(targets).sum(dim=1), is_token.sum(dim=1)
