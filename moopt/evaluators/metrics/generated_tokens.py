"""What an answer costs: tokens that a language model generates before it ends.

Every token is one pass through the model, so their number is the part of the cost that depends on
the weights. Unlike seconds it is the same on every machine.
"""

import math

import torch
from jaxtyping import Int
from torch import Tensor


def generated_tokens(answers: Int[Tensor, "n tokens"], end: int) -> tuple[float, float]:
    """Return the mean number of tokens of an answer and its standard error over prompts.

    The end token counts, as it is generated too. An answer without one counts as long as it is.

    Args:
        answers: What was generated for each prompt, two or more; what follows the first end token
            is padding.
        end: Number of the end token.
    """
    count, longest = answers.shape
    # [i, j]: whether answer i had ended before token j
    ended = torch.cumsum(answers == end, dim=1) - (answers == end).long() > 0
    lengths = (longest - ended.sum(dim=1)).double()
    return lengths.mean().item(), lengths.std().item() / math.sqrt(count)
