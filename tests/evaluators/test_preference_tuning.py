import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from moopt.errors import EvaluationError, TrainingError
from moopt.evaluators.preference_tuning import RewardTuning
from moopt.study.evaluation import Context
from moopt.study.trials import Trial
from moopt.training.preferences import (
    Preference,
    PreferenceConfig,
    train_on_pairs,
    train_on_rewards,
)
from tests.tiny_language_models import write_language_base

needs_trl = pytest.mark.skipif(
    importlib.util.find_spec("trl") is None, reason="needs moopt[preferences]"
)
CONFIG = PreferenceConfig(
    learning_rate=1e-2, steps=4, batch_size=8, generations=8, longest_answer=6, beta=0.0
)
PROMPTS = ("the film", "a mail")


def praise(_prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
    return [float(answer.count("good") + answer.count("fine")) for answer in answers]


def blame(_prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
    return [float(answer.count("bad") + answer.count("poor")) for answer in answers]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_language_base(tmp_path / "base")


@needs_trl
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_reward_weights_decide_what_a_model_becomes(base: Path, tmp_path: Path) -> None:
    evaluate = RewardTuning(
        base,
        {"train": PROMPTS * 4, "search": PROMPTS},
        {"praise": praise, "blame": blame},
        CONFIG,
    )
    context = Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))
    weights = ({"praise": 1.0, "blame": 0.0}, {"praise": 0.0, "blame": 1.0})

    measured = [evaluate(Trial(0, {"reward_weights": each}, seed=1), context) for each in weights]

    assert [list(each) for each in measured] == [["praise", "blame"]] * 2
    assert measured[0] != measured[1]


@needs_trl
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_model_learns_to_prefer_what_was_chosen(base: Path) -> None:
    pairs = [Preference("the film", " good", " bad"), Preference("a mail", " fine", " poor")] * 4

    models = [
        train_on_pairs(base, pairs, PreferenceConfig(learning_rate=rate, steps=4))
        for rate in (1e-9, 1e-2)
    ]

    ids = torch.tensor([[8, 4 + 4]])  # any prompt: what follows is asked of both models alike
    good, bad = 4, 6
    margins = []
    for model in models:
        logits = model(input_ids=ids[:, :1]).logits[0, -1]
        margins.append((logits[good] - logits[bad]).item())
    assert margins[1] > margins[0]


def test_a_reward_without_a_weight_is_refused(base: Path) -> None:
    with pytest.raises(TrainingError, match=r"every reward needs a weight: rewards \['praise'\]"):
        train_on_rewards(base, PROMPTS, {"praise": praise}, {}, CONFIG)


def test_a_parameter_that_is_no_setting_is_refused(base: Path, tmp_path: Path) -> None:
    evaluate = RewardTuning(base, {"train": PROMPTS}, {"praise": praise}, CONFIG)
    context = Context("cpu", 0, tmp_path, logging.getLogger("moopt.tests"))

    with pytest.raises(EvaluationError, match=r"takes the simplex 'reward_weights' and .* \['x'\]"):
        evaluate(Trial(0, {"x": 1}), context)
