"""The live model and the written folder, on a tiny BERT and its classifiers."""

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from moopt.errors import MergeError
from moopt.merging.engine import write_merge
from moopt.merging.live_model import LiveModel
from moopt.merging.recipe import MergeRecipe
from moopt.merging.task_vectors import TaskVectors, open_task_vectors
from moopt.training.transformers_models import load_classifier, load_encoder, load_tokenizer
from tests.tiny_models import write_base, write_expert

GROUPS = ("lower", "upper")
EXPERTS = ("films", "mails")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds a base and two experts with heads of different sizes."""
    folder = tmp_path_factory.mktemp("models")
    base = write_base(folder / "base")
    write_expert(folder / "films", base, 1, ("negative", "positive"))
    write_expert(folder / "mails", base, 2, ("ham", "maybe", "spam"))
    return folder


def sources(models: Path) -> TaskVectors:
    return open_task_vectors(models / "base", {name: models / name for name in EXPERTS})


def recipe(models: Path, films: tuple[float, float], mails: tuple[float, float]) -> MergeRecipe:
    return MergeRecipe(
        base=str(models / "base"),
        experts={name: str(models / name) for name in EXPERTS},
        method="task_arithmetic",
        layer_groups=GROUPS,
        coefficients={
            "films": dict(zip(GROUPS, films, strict=True)),
            "mails": dict(zip(GROUPS, mails, strict=True)),
        },
    )


def changed(models: Path, folder: Path) -> set[str]:
    """Return the beginnings of the names whose weights differ from the base."""
    base, merged = (load_file(each / "model.safetensors") for each in (models / "base", folder))
    return {
        ".".join(name.split(".")[:3] if "layer." in name else name.split(".")[:1])
        for name in base
        if not torch.equal(base[name], merged[name])
    }


def test_heads_are_what_the_base_lacks(models: Path) -> None:
    assert sources(models).experts["mails"].head == ("classifier.bias", "classifier.weight")


def test_all_zeros_give_the_bytes_of_the_base(models: Path, tmp_path: Path) -> None:
    write_merge(recipe(models, (0, 0), (0, 0)), tmp_path / "merged")

    base, merged = (
        load_file(folder / "model.safetensors") for folder in (models / "base", tmp_path / "merged")
    )
    assert {name: each.numpy().tobytes() for name, each in merged.items()} == {
        name: each.numpy().tobytes() for name, each in base.items()
    }


def test_one_expert_at_one_is_the_expert_to_rounding(models: Path, tmp_path: Path) -> None:
    write_merge(recipe(models, (0, 0), (1, 1)), tmp_path / "merged")

    merged = load_encoder(tmp_path / "merged").state_dict()
    expert = load_classifier(models / "mails").base_model.state_dict()
    torch.testing.assert_close(dict(merged), dict(expert), rtol=1e-5, atol=1e-6)


def test_a_group_changes_its_own_layers_only(models: Path, tmp_path: Path) -> None:
    write_merge(recipe(models, (0.5, 0), (0, 0)), tmp_path / "lower")
    write_merge(recipe(models, (0, 0.5), (0, 0)), tmp_path / "upper")

    assert changed(models, tmp_path / "lower") == {
        "embeddings",
        "encoder.layer.0",
        "encoder.layer.1",
    }
    assert changed(models, tmp_path / "upper") == {"encoder.layer.2", "encoder.layer.3", "pooler"}


COEFFICIENTS = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(films=COEFFICIENTS, mails=COEFFICIENTS)
def test_live_model_and_folder_hold_the_same_weights(
    models: Path,
    tmp_path: Path,
    films: tuple[float, float],
    mails: tuple[float, float],
) -> None:
    chosen = recipe(models, films, mails)
    live = LiveModel(load_encoder(models / "base"), sources(models), GROUPS)

    live.apply(recipe(models, (1, 1), (1, 1)))  # what was there before must not matter
    live.apply(chosen)
    write_merge(chosen, tmp_path / "merged")

    written = load_encoder(tmp_path / "merged").state_dict()
    weights = live.module.state_dict()
    assert [name for name in weights if not torch.equal(weights[name], written[name])] == []


def test_equal_recipes_give_equal_bytes(models: Path, tmp_path: Path) -> None:
    chosen = MergeRecipe.from_json(recipe(models, (0.1, 0.7), (1 / 3, 1.5)).to_json())

    write_merge(chosen, tmp_path / "one")
    write_merge(chosen, tmp_path / "two")

    first, second = (tmp_path / name / "model.safetensors" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_sources_are_only_read(models: Path, tmp_path: Path) -> None:
    files = sorted(path for path in models.rglob("*") if path.is_file())
    before = [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]

    write_merge(recipe(models, (0.1, 0.7), (0.2, 0.3)), tmp_path / "merged")

    assert before == [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]


def test_a_written_folder_has_the_tokenizer_of_the_base(models: Path, tmp_path: Path) -> None:
    write_merge(recipe(models, (0.1, 0.7), (0.2, 0.3)), tmp_path / "merged")

    tokenizer = load_tokenizer(tmp_path / "merged")
    assert tokenizer("a good film")["input_ids"] == [2, 11, 5, 9, 3]


def test_a_merge_never_overwrites_a_source(models: Path) -> None:
    with pytest.raises(MergeError, match="is a source of this merge"):
        write_merge(recipe(models, (0.1, 0.7), (0.2, 0.3)), models / "films")


def test_a_head_on_the_base_side_is_matched_too(models: Path) -> None:
    found = open_task_vectors(models / "base", {"films": models / "films"})

    assert found.experts["films"].names["pooler.dense.bias"] == "bert.pooler.dense.bias"


def test_positions_and_other_whole_numbers_are_never_merged(models: Path, tmp_path: Path) -> None:
    base = load_file(models / "base" / "model.safetensors")
    (tmp_path / "base").mkdir()
    save_file(
        base | {"embeddings.position_ids": torch.arange(16)},
        tmp_path / "base" / "model.safetensors",
    )
    chosen = recipe(models, (0.1, 0.7), (0.2, 0.3))

    write_merge(
        MergeRecipe(
            str(tmp_path / "base"), chosen.experts, chosen.method, GROUPS, chosen.coefficients
        ),
        tmp_path / "merged",
    )

    merged = load_file(tmp_path / "merged" / "model.safetensors")
    assert torch.equal(merged["embeddings.position_ids"], torch.arange(16))


def test_missing_tensors_are_named(models: Path, tmp_path: Path) -> None:
    tensors = load_file(models / "films" / "model.safetensors")
    del tensors["bert.pooler.dense.bias"]
    save_file(tensors, tmp_path / "model.safetensors")

    with pytest.raises(
        MergeError, match=r"lacks 1 of the base's .* pooler\.dense\.bias; fine-tune"
    ):
        open_task_vectors(models / "base", {"films": tmp_path})


def test_unequal_shapes_are_named(models: Path, tmp_path: Path) -> None:
    tensors = load_file(models / "films" / "model.safetensors")
    tensors["bert.pooler.dense.bias"] = torch.zeros(3)
    save_file(tensors, tmp_path / "model.safetensors")

    with pytest.raises(MergeError, match=r"pooler\.dense\.bias \(16,\) against \(3,\)"):
        open_task_vectors(models / "base", {"films": tmp_path})


def test_a_live_model_of_another_kind_is_refused(models: Path) -> None:
    with pytest.raises(MergeError, match=r"load the model from this folder"):
        LiveModel(torch.nn.Linear(2, 2), sources(models), GROUPS)


def test_a_live_model_of_another_size_is_refused(models: Path) -> None:
    encoder = load_encoder(models / "base")
    encoder.get_submodule("pooler.dense").bias = torch.nn.Parameter(torch.zeros(3))

    with pytest.raises(MergeError, match=r"'pooler\.dense\.bias' has the shape \(3,\)"):
        LiveModel(encoder, sources(models), GROUPS)


def test_a_recipe_for_other_groups_is_refused(models: Path) -> None:
    live = LiveModel(load_encoder(models / "base"), sources(models), ("all",))

    with pytest.raises(MergeError, match=r"in the layer groups \['all'\]; the recipe has"):
        live.apply(recipe(models, (0, 0), (0, 0)))
