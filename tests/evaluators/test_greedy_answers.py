from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from moopt.evaluators.greedy_answers import greedy_answers
from moopt.training.transformers_models import load_language_model
from tests.tiny_language_models import END, write_language_base

ASKED = torch.tensor([[END, END, 2, 5, 3], [2, 7, 8, 9, 3], [END, 2, 6, 6, 3]])
IS_TOKEN = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1]])


@pytest.fixture(params=[0, 1, 2])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedModel:
    return load_language_model(write_language_base(tmp_path / "base", request.param))


def answers(model: PreTrainedModel, asked: Tensor, is_token: Tensor, longest: int) -> Tensor:
    return greedy_answers(model, asked, is_token, end=END, longest=longest)


def answer_token_by_token(model: PreTrainedModel, asked: list[int], longest: int) -> list[int]:
    """Read everything again for every token, one row by itself."""
    known = list(asked)
    while len(known) < len(asked) + longest and (len(known) == len(asked) or known[-1] != END):
        with torch.inference_mode():
            known.append(int(model(input_ids=torch.tensor([known])).logits[0, -1].argmax()))
    return known[len(asked) :]


def test_an_answer_is_what_is_likeliest_after_all_that_was_said(model: PreTrainedModel) -> None:
    found = answers(model, ASKED, IS_TOKEN, longest=12)

    slow = [
        answer_token_by_token(model, row[mask > 0].tolist(), 12)
        for row, mask in zip(ASKED, IS_TOKEN, strict=True)
    ]
    assert found.shape[1] == max(map(len, slow))
    assert found.tolist() == [row + [END] * (found.shape[1] - len(row)) for row in slow]


def test_who_else_is_asked_does_not_matter(model: PreTrainedModel) -> None:
    together = answers(model, ASKED, IS_TOKEN, longest=8)

    alone = answers(model, ASKED[:1, 2:], IS_TOKEN[:1, 2:], longest=8)

    assert torch.equal(together[0, : alone.shape[1]], alone[0])


def test_an_answer_is_cut_at_the_longest(model: PreTrainedModel) -> None:
    assert answers(model, ASKED, IS_TOKEN, longest=2).shape[1] <= 2
