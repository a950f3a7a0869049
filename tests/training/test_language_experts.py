import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moopt.errors import TrainingError
from moopt.training.expert_tuning import Tuned, tune_expert
from moopt.training.labelled_texts import LabelledTexts
from moopt.training.settings import LanguageTuning
from moopt.training.training_run import Step
from moopt.training.transformers_models import load_language_model, load_tokenizer
from tests.tiny_language_models import write_language_base

SETTINGS = LanguageTuning(
    learning_rate=1e-2, epochs=6, batch_size=4, max_tokens=6, frozen=("embed_tokens",)
)
SENTENCES = tuple(f"{word} {verdict} film" for word in ("a", "the") for verdict in ("good", "fine"))
TEXTS = LabelledTexts(SENTENCES * 4, ("",) * 16)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_language_base(tmp_path / "base")


def tuned(base: Path, folder: Path, settings: LanguageTuning = SETTINGS) -> Tuned:
    return tune_expert(base, folder, train=TEXTS, validation=TEXTS[:4], settings=settings)


def test_an_expert_learns_its_domain(base: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=0.03, epochs=8, frozen=())

    outcome = tuned(base, tmp_path / "expert", settings)

    # one word of two is left to guess: log(2) nats in three tokens
    assert min(outcome.validation_losses) == pytest.approx(math.log(2) / 3, abs=0.05)


def test_an_expert_is_a_folder_that_transformers_loads(base: Path, tmp_path: Path) -> None:
    tuned(base, tmp_path / "expert")

    assert load_language_model(tmp_path / "expert").config.num_hidden_layers == 2
    assert load_tokenizer(tmp_path / "expert").chat_template


def test_equal_seeds_give_equal_weights(base: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        tuned(base, tmp_path / name)

    first, second = (tmp_path / name / "model.safetensors" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_the_state_of_random_numbers_is_left_alone(base: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state()

    tuned(base, tmp_path / "expert")

    assert torch.equal(torch.get_rng_state(), before)


def test_only_as_many_texts_are_read_as_asked_for(base: Path, tmp_path: Path) -> None:
    steps: list[Step] = []

    tune_expert(
        base,
        tmp_path / "expert",
        train=TEXTS,
        validation=TEXTS,
        settings=replace(SETTINGS, train_texts=6, epochs=2),
        on_step=steps.append,
    )

    assert [(step.done, step.total) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_frozen_layers_stay_as_they_are(base: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1, frozen=("embed_tokens", "layers.0."))

    tuned(base, tmp_path / "expert", settings)

    before, after = (load_language_model(each).state_dict() for each in (base, tmp_path / "expert"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {".".join(name.split(".")[1:3]) for name in changed} == {"layers.1", "norm.weight"}


def test_freezing_everything_is_refused(base: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, frozen=("embed_tokens", "layers", "norm"))

    with pytest.raises(TrainingError, match="leave nothing to train"):
        tuned(base, tmp_path / "expert", settings)


def test_a_diverging_run_says_what_to_change(base: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e30, warm_up=0.0)

    with pytest.raises(TrainingError, match=r"became nan.* use a smaller learning_rate \(now 1e"):
        tuned(base, tmp_path / "expert", settings)

    assert not (tmp_path / "expert").exists()


def test_a_setting_out_of_range_is_named() -> None:
    with pytest.raises(TrainingError, match="needs train_texts and validation_texts >= 1"):
        LanguageTuning(learning_rate=1e-3, train_texts=0)
