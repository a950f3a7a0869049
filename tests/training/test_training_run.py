import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from moopt.errors import TrainingError
from moopt.training.batches import Batch
from moopt.training.configuration import Lora, TrainingConfig
from moopt.training.fine_tuning import fine_tuning_run
from moopt.training.labelled_texts import LabelledTexts, read_split
from moopt.training.text_tasks import Classification, LanguageModelling, TextTask
from moopt.training.training_run import Assignment, TrainingRun
from moopt.training.transformers_models import load_tokenizer
from tests.tiny_language_models import write_language_base
from tests.tiny_models import write_base, write_table

CONFIG = TrainingConfig(
    learning_rate=1e-2, epochs=3, batch_size=5, accumulation=2, max_tokens=8, dropout=0.2, seed=3
)
CONFIGS = {
    "full": CONFIG,
    "lion": replace(CONFIG, optimizer="lion", learning_rate=1e-3),
    "sgd": replace(CONFIG, optimizer="sgd", schedule="cosine", label_smoothing=0.1),
    "adafactor": replace(CONFIG, optimizer="adafactor", schedule="inverse_sqrt"),
    "frozen": replace(CONFIG, frozen_layers=2, layers=3, layer_decay=0.5),
    "lora": replace(CONFIG, lora=Lora(rank=2, dropout=0.2), schedule="constant"),
    "checkpointing": replace(CONFIG, gradient_checkpointing=True, accumulation=1),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny BERT, a tiny Llama and a table."""
    folder = tmp_path_factory.mktemp("models")
    write_base(folder / "bert")
    write_language_base(folder / "llama")
    write_table(folder / "films.csv.gz", {"train": 18})
    return folder


def run_of(
    folders: Path, config: TrainingConfig = CONFIG, *, language: bool = False
) -> TrainingRun[Batch]:
    base = folders / ("llama" if language else "bert")
    texts = read_split(folders / "films.csv.gz", "train")
    task: TextTask = LanguageModelling() if language else Classification(texts.classes)
    train = task.encode(texts, load_tokenizer(base), config.max_tokens)
    return fine_tuning_run(base, task, train, config)


def weights(run: TrainingRun[Batch]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in run.model.state_dict().items()}


def differing(one: TrainingRun[Batch], other: TrainingRun[Batch]) -> list[str]:
    first, second = weights(one), weights(other)
    return [name for name in first if not torch.equal(first[name], second[name])]


@pytest.mark.slow
@pytest.mark.parametrize("language", [False, True], ids=["classifier", "language model"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_run_that_was_paused_ends_at_the_same_weights(
    folders: Path, tmp_path: Path, kind: str, *, language: bool
) -> None:
    config = CONFIGS[kind]
    if language:
        config = replace(config, layers=None, frozen_layers=min(1, config.frozen_layers))
    whole, first = (run_of(folders, config, language=language) for _ in range(2))
    whole.train_to(whole.total)

    first.train_to(5)
    first.save(tmp_path, "run")
    second = run_of(folders, config, language=language)

    assert second.resume(tmp_path, "run", at_most=second.total)
    second.train_to(second.total)
    assert differing(whole, second) == []
    assert len(differing(whole, run_of(folders, config, language=language))) > 0


@pytest.mark.slow
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pauses=st.lists(st.integers(1, 12), max_size=3).map(sorted))
def test_it_does_not_matter_where_a_run_is_paused(
    folders: Path, tmp_path: Path, pauses: list[int]
) -> None:
    whole = run_of(folders)
    whole.train_to(whole.total)

    run = run_of(folders)
    for index, pause in enumerate(pauses):
        run.train_to(pause)
        torch.rand(3)
        run.save(tmp_path / str(index), "run")
        run = run_of(folders)
        run.resume(tmp_path / str(index), "run", at_most=run.total)
    run.train_to(run.total)

    assert differing(whole, run) == []


def test_what_happens_between_steps_does_not_change_them(folders: Path) -> None:
    whole, paused = run_of(folders), run_of(folders)
    whole.train_to(6)

    paused.train_to(2)
    torch.manual_seed(1)
    torch.rand(9)
    paused.train_to(6)

    assert differing(whole, paused) == []


@pytest.mark.parametrize("run", ["other", "torn", "missing", "further"])
def test_a_checkpoint_that_does_not_fit_is_not_used(
    folders: Path, tmp_path: Path, run: str
) -> None:
    saved = run_of(folders)
    saved.train_to(4)
    saved.save(tmp_path, "run")
    file = tmp_path / "checkpoint" / "state.pt"
    if run == "torn":
        file.write_bytes(file.read_bytes()[:-1000])
    if run == "missing":
        file.unlink()
    fresh = run_of(folders)

    resumed = fresh.resume(
        tmp_path, "other" if run == "other" else "run", at_most=3 if run == "further" else 12
    )

    assert (resumed, fresh.done) == (False, 0)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_checkpoint_torn_anywhere_is_not_used(
    folders: Path, tmp_path: Path, share: float
) -> None:
    file = tmp_path / "checkpoint" / "state.pt"
    if not (tmp_path / "whole").exists():
        saved = run_of(folders)
        saved.train_to(1)
        saved.save(tmp_path, "run")
        file.rename(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])

    assert not run_of(folders).resume(tmp_path, "run", at_most=9)


def test_parts_of_a_batch_give_the_gradient_of_the_whole(folders: Path) -> None:
    config = replace(CONFIG, accumulation=1, dropout=0.0, optimizer="sgd", momentum=0.0)
    whole, parts = run_of(folders, config), run_of(folders, replace(config, accumulation=3))

    for run in (whole, parts):
        run.train_to(1)

    for one, other in zip(weights(whole).values(), weights(parts).values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_only_adapters_and_the_head_are_trained(folders: Path) -> None:
    run = run_of(folders, CONFIGS["lora"])

    trained = [name for name, each in run.model.named_parameters() if each.requires_grad]

    assert {"lora" in name or name.startswith("classifier") for name in trained} == {True}
    assert any(name.startswith("classifier") for name in trained)


def test_adapters_sit_on_the_upper_layers_alone_where_that_is_asked_for(folders: Path) -> None:
    config = replace(CONFIG, lora=Lora(upper_layers=1))
    run = run_of(folders, config, language=True)

    trained = [name for name, each in run.model.named_parameters() if each.requires_grad]

    assert trained
    assert {".layers.1." in name for name in trained} == {True}


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_dropout_is_set_where_the_model_has_some(folders: Path, dropout: float) -> None:
    run = run_of(folders, replace(CONFIG, dropout=dropout))

    found = {each.p for each in run.model.modules() if isinstance(each, nn.Dropout)}

    assert found == {dropout}


def test_more_layers_than_there_are_cannot_be_kept(folders: Path) -> None:
    with pytest.raises(TrainingError, match="has 4 layers, of which 9 cannot be kept"):
        run_of(folders, replace(CONFIG, layers=9))


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    texts = LabelledTexts(("a film",), ("x",))

    with pytest.raises(TrainingError, match="is not a model folder: it has no config"):
        Classification(texts.classes).load(tmp_path, CONFIG)


def assignment(loss: Callable[[int], Tensor]) -> Assignment[int]:
    return Assignment(4, batches=lambda _epoch: [[0], [1], [2], [3]], loss=loss)


def test_a_loss_far_above_the_start_for_long_ends_the_run() -> None:
    model = nn.Linear(1, 1)
    config = TrainingConfig(learning_rate=1e-4, epochs=50, batch_size=1)
    calls: list[int] = []

    def loss(batch: int) -> Tensor:
        calls.append(batch)
        return model.weight.sum() * 0 + (1.0 if len(calls) == 1 else 9.0)

    run = TrainingRun(model, config, assignment(loss))

    with pytest.raises(TrainingError, match=r"was 1 at the start and .* it diverges; use"):
        run.train_to(run.total)
    assert len(calls) == 30


def test_a_loss_that_is_not_a_number_ends_the_run_at_once() -> None:
    model = nn.Linear(1, 1)
    run = TrainingRun(
        model,
        TrainingConfig(learning_rate=1e-3, batch_size=1),
        assignment(lambda _batch: model.weight.sum() * float("nan")),
    )

    with pytest.raises(TrainingError, match="became nan at step 1 of 12"):
        run.train_to(5)
    assert run.done == 0


def test_a_run_that_is_over_keeps_no_weights_in_memory(folders: Path) -> None:
    run = run_of(folders)
    run.train_to(2)
    model = weakref.ref(run.model)

    del run

    assert model() is None
