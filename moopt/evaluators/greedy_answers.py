"""Answers of which every token is the likeliest: equal weights answer the same."""

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedModel


def greedy_answers(
    model: PreTrainedModel,
    asked: Int[Tensor, "n tokens"],
    is_token: Int[Tensor, "n tokens"],
    *,
    end: int,
    longest: int,
) -> Int[Tensor, "n answered"]:
    """Return what a causal language model writes after each row, until all rows have ended.

    Args:
        model: Is asked for one more token of all rows at a time.
        asked: Padded in front, so that the answers begin side by side.
        is_token: 0 where `asked` is padding, 1 elsewhere.
        end: Number of the end token. It also fills up the rows that have ended.
        longest: Tokens after which an answer is cut.
    """
    answers: list[Tensor] = []
    ended = torch.zeros(len(asked), dtype=torch.bool, device=asked.device)
    given, past = asked, None
    # places count the tokens of a row, padding left out
    places = (is_token.cumsum(dim=1) - 1).clamp(min=0)
    with torch.inference_mode():
        while len(answers) < longest and not ended.all():
            said = model(
                input_ids=given,
                attention_mask=is_token,
                position_ids=places,
                past_key_values=past,
                use_cache=True,
            )
            likeliest = said.logits[:, -1].argmax(dim=1)
            answers.append(torch.where(ended, end, likeliest))
            ended = ended | (likeliest == end)
            given, past = answers[-1][:, None], said.past_key_values
            is_token = torch.cat([is_token, torch.ones_like(given)], dim=1)
            places = places[:, -1:] + 1
    return torch.stack(answers, dim=1)
