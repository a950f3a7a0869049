from pathlib import Path

import pytest
import torch

from moopt.errors import TrainingError
from moopt.training.expert_tuning import Tuned, tune_expert
from moopt.training.labelled_texts import LabelledTexts, read_split
from moopt.training.settings import FineTuning
from moopt.training.training_run import Step
from moopt.training.transformers_models import (
    class_names,
    load_classifier,
    load_encoder,
    load_tokenizer,
)
from tests.tiny_models import write_base, write_table

SETTINGS = FineTuning(
    learning_rate=3e-3, head_learning_rate=1e-2, epochs=8, batch_size=8, max_tokens=10, patience=8
)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base")


@pytest.fixture
def train(tmp_path: Path) -> LabelledTexts:
    return read_split(write_table(tmp_path / "films.csv.gz", {"train": 32}), "train")


def test_an_expert_learns_its_task(base: Path, train: LabelledTexts, tmp_path: Path) -> None:
    outcome = tune_expert(
        base, tmp_path / "expert", train=train, validation=train, settings=SETTINGS
    )

    assert max(outcome.validation_accuracies) > 0.9


def test_an_expert_is_a_folder_that_transformers_loads(
    base: Path, train: LabelledTexts, tmp_path: Path
) -> None:
    tune_expert(base, tmp_path / "expert", train=train, validation=train, settings=SETTINGS)

    assert class_names(load_classifier(tmp_path / "expert")) == ("negative", "positive")
    assert load_tokenizer(tmp_path / "expert")("a good film")["input_ids"] == [2, 11, 5, 9, 3]


def test_equal_seeds_give_equal_weights(base: Path, train: LabelledTexts, tmp_path: Path) -> None:
    for name in ("one", "two"):
        tune_expert(base, tmp_path / name, train=train, validation=train, settings=SETTINGS)

    first, second = (tmp_path / name / "model.safetensors" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_the_state_of_random_numbers_is_left_alone(
    base: Path, train: LabelledTexts, tmp_path: Path
) -> None:
    before = torch.get_rng_state()

    tune_expert(base, tmp_path / "expert", train=train, validation=train, settings=SETTINGS)

    assert torch.equal(torch.get_rng_state(), before)


def test_every_step_is_reported(base: Path, train: LabelledTexts, tmp_path: Path) -> None:
    steps: list[Step] = []

    tune_expert(
        base,
        tmp_path / "expert",
        train=train,
        validation=train,
        settings=SETTINGS,
        on_step=steps.append,
    )

    assert [step.done for step in steps] == list(range(1, 33))
    assert {step.total for step in steps} == {32}


def stopped_early(base: Path, train: LabelledTexts, folder: Path) -> Tuned:
    """Validate on wrong labels: the better the fit, the worse the validation loss."""
    wrong = {"negative": "positive", "positive": "negative"}
    return tune_expert(
        base,
        folder,
        train=train,
        validation=LabelledTexts(train.texts, tuple(wrong[label] for label in train.labels)),
        settings=FineTuning(
            learning_rate=3e-3, head_learning_rate=1e-2, epochs=9, batch_size=8, patience=1
        ),
    )


def test_a_run_ends_when_validation_gets_worse(
    base: Path, train: LabelledTexts, tmp_path: Path
) -> None:
    outcome = stopped_early(base, train, tmp_path / "expert")

    assert len(outcome.validation_losses) == outcome.best_epoch + 2
    assert outcome.validation_losses[outcome.best_epoch] == min(outcome.validation_losses)


def test_frozen_parts_stay_as_they_are(base: Path, train: LabelledTexts, tmp_path: Path) -> None:
    settings = FineTuning(
        learning_rate=1e-2, head_learning_rate=1e-2, epochs=1, frozen=("embeddings",)
    )

    tune_expert(base, tmp_path / "expert", train=train, validation=train, settings=settings)

    before = load_encoder(base).state_dict()
    after = load_classifier(tmp_path / "expert").base_model.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"encoder", "pooler"}


def test_a_diverging_run_says_what_to_change(
    base: Path, train: LabelledTexts, tmp_path: Path
) -> None:
    settings = FineTuning(learning_rate=1e30, head_learning_rate=1e30, epochs=3, warm_up=0)

    with pytest.raises(TrainingError, match=r"became nan.* use a smaller learning_rate"):
        tune_expert(base, tmp_path / "expert", train=train, validation=train, settings=settings)

    assert not (tmp_path / "expert").exists()


def test_freezing_what_is_not_there_is_refused(
    base: Path, train: LabelledTexts, tmp_path: Path
) -> None:
    settings = FineTuning(learning_rate=1e-3, head_learning_rate=1e-3, epochs=1, frozen=("wte",))

    with pytest.raises(TrainingError, match="no parameter to freeze begins with 'wte'"):
        tune_expert(base, tmp_path / "expert", train=train, validation=train, settings=settings)


def test_a_setting_out_of_range_is_named() -> None:
    with pytest.raises(TrainingError, match=r"needs learning_rate > 0, .*0 <= warm_up < 1"):
        FineTuning(learning_rate=0, head_learning_rate=1e-3, epochs=1, warm_up=1.0)
