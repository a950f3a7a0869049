"""What a written merge is, and what is refused before anything is written."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from moopt.errors import MergeError
from moopt.merging.blocks import LayerGroups
from moopt.merging.engine import write_merge
from moopt.merging.recipe import MergeRecipe
from tests.merging.small_models import (
    Models,
    base_weights,
    bytes_of,
    expert_weights,
    read_weights,
    write_models,
    write_weights,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def own_models(tmp_path: Path) -> Models:
    """Return models that a test may damage."""
    return write_models(tmp_path / "models").first(1)


def changed(models: Models, folder: Path) -> set[str]:
    """Return the beginnings of the names whose weights differ from the base."""
    base, merged = read_weights(models.base), read_weights(folder)
    return {
        ".".join(name.split(".")[: 2 if name.startswith("layers") else 1])
        for name in base
        if not torch.equal(base[name], merged[name])
    }


def test_all_zeros_give_the_bytes_of_the_base(models: Models, tmp_path: Path) -> None:
    write_merge(models.recipe("task_arithmetic", [0, 0, 0]), tmp_path / "merged")

    assert bytes_of(read_weights(tmp_path / "merged")) == bytes_of(read_weights(models.base))


def test_one_expert_at_one_is_the_expert_to_rounding(models: Models, tmp_path: Path) -> None:
    write_merge(models.recipe("task_arithmetic", [0, 1, 0]), tmp_path / "merged")

    expert = read_weights(models.experts["second"])
    torch.testing.assert_close(read_weights(tmp_path / "merged"), expert, rtol=1e-5, atol=1e-6)


def test_a_group_changes_its_own_layers_only(models: Models, tmp_path: Path) -> None:
    blocks = LayerGroups(("lower", "upper"))
    one = models.first(1)

    for chosen in ({"lower": 0.5, "upper": 0.0}, {"lower": 0.0, "upper": 0.5}):
        folder = tmp_path / max(chosen, key=chosen.__getitem__)
        write_merge(one.recipe("task_arithmetic", [chosen], blocks=blocks), folder)

    assert changed(models, tmp_path / "lower") == {"embed_tokens", "layers.0"}
    assert changed(models, tmp_path / "upper") == {
        "layers.1",
        "filters",
        "temperature",
        "classifier",
    }


def test_sources_are_only_read(models: Models, tmp_path: Path) -> None:
    files = sorted(path for path in models.base.parent.rglob("*") if path.is_file())
    before = [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]

    write_merge(models.recipe("dare_ties"), tmp_path / "merged")

    assert before == [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files]


def test_whole_numbers_are_copied_from_the_base(own_models: Models, tmp_path: Path) -> None:
    path = own_models.base / "model.safetensors"
    save_file(load_file(path) | {"position_ids": torch.arange(16)}, path)

    write_merge(own_models.recipe("task_arithmetic"), tmp_path / "merged")

    assert torch.equal(read_weights(tmp_path / "merged")["position_ids"], torch.arange(16))


def test_without_a_base_the_first_expert_lends_the_configuration(
    models: Models, tmp_path: Path
) -> None:
    experts = {name: str(folder) for name, folder in models.experts.items()}
    shares = dict(zip(experts, (0.5, 0.25, 0.25), strict=True))

    write_merge(MergeRecipe("linear", experts, coefficients=shares), tmp_path / "merged")

    first, second, third = (read_weights(folder) for folder in models.experts.values())
    expected = {
        name: 0.5 * first[name] + 0.25 * second[name] + 0.25 * third[name] for name in first
    }
    torch.testing.assert_close(read_weights(tmp_path / "merged"), expected)
    assert (tmp_path / "merged" / "config.json").is_file()


def test_progress_is_told_and_ends_at_one(models: Models, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []

    write_merge(
        models.recipe("ties"),
        tmp_path / "merged",
        report=lambda what, share: told.append((what, share)),
    )

    assert told[0] == ("checking: base", 0.0)
    assert ("merging: classifier.bias", 0.0) in told
    assert told[-1] == ("merging: done", 1.0)
    assert all(0 <= share <= 1 for _, share in told)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_merge_is_rounded_to_the_dtype_that_is_asked_for(
    models: Models, tmp_path: Path, dtype: str
) -> None:
    write_merge(models.recipe("ties"), tmp_path / "exact")
    write_merge(models.recipe("ties", dtype=dtype), tmp_path / "rounded")

    exact = read_weights(tmp_path / "exact")
    expected = {name: each.to(getattr(torch, dtype)) for name, each in exact.items()}
    assert bytes_of(read_weights(tmp_path / "rounded")) == bytes_of(expected)


def test_experts_of_another_dtype_than_the_base_are_merged_in_float32(
    tmp_path: Path,
) -> None:
    mixed = write_models(tmp_path / "mixed", torch.bfloat16, *[torch.float32] * 3)
    base = {name: each.bfloat16().float() for name, each in base_weights().items()}
    expert = {name: each.float() for name, each in expert_weights(base_weights(), 1).items()}
    recipe = mixed.first(1).recipe("task_arithmetic", [0.5], dtype="float32")

    write_merge(recipe, tmp_path / "merged")

    expected = {name: base[name] + 0.5 * (expert[name] - base[name]) for name in base}
    torch.testing.assert_close(read_weights(tmp_path / "merged"), expected)


def test_each_tensor_keeps_the_dtype_of_the_base(tmp_path: Path) -> None:
    mixed = write_models(tmp_path / "mixed", torch.bfloat16, *[torch.float32] * 3)

    write_merge(mixed.recipe("ties"), tmp_path / "merged")

    assert {each.dtype for each in read_weights(tmp_path / "merged").values()} == {torch.bfloat16}


def test_a_merge_never_overwrites_a_source(models: Models) -> None:
    with pytest.raises(MergeError, match="is a source of this merge"):
        write_merge(models.recipe("ties"), models.experts["second"])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_named_and_nothing_is_written(
    own_models: Models, tmp_path: Path, number: float
) -> None:
    path = own_models.experts["first"] / "model.safetensors"
    weights = load_file(path)
    weights["layers.1.mlp.weight"][3, 4] = number
    save_file(weights, path)

    with pytest.raises(
        MergeError,
        match=r"'layers\.1\.mlp\.weight' in .*first/model\.safetensors holds NaN or infinity",
    ):
        write_merge(own_models.recipe("task_arithmetic"), tmp_path / "merged")

    assert not (tmp_path / "merged").exists()


def test_a_file_that_was_cut_short_is_named_and_nothing_is_written(
    own_models: Models, tmp_path: Path
) -> None:
    path = own_models.experts["first"] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(MergeError, match=r"cannot read .*first/model\.safetensors"):
        write_merge(own_models.recipe("task_arithmetic"), tmp_path / "merged")

    assert not (tmp_path / "merged").exists()


def test_probabilities_that_cannot_be_are_refused_and_nothing_is_written(
    models: Models, tmp_path: Path
) -> None:
    recipe = models.recipe("della", options={"density": 0.1, "window": 0.2})

    with pytest.raises(MergeError, match=r"got density 0\.1 and window 0\.2; use a window below"):
        write_merge(recipe, tmp_path / "merged")

    assert not (tmp_path / "merged").exists()


def test_stochastic_rounding_to_float16_is_refused_and_nothing_is_written(
    models: Models, tmp_path: Path
) -> None:
    recipe = models.recipe("ties", dtype="float16", rounding_seed=0)

    with pytest.raises(MergeError, match="only bfloat16 can be rounded stochastically"):
        write_merge(recipe, tmp_path / "merged")

    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"lower": 0.5}, "of 'first' is given block by block, but lacks upper; the blocks are"),
        (
            {"lower": 0.5, "upper": 0.5, "top": 0},
            "but the model has no top; the blocks are upper, lower",
        ),
    ],
)
def test_a_recipe_for_other_blocks_is_refused(
    models: Models, tmp_path: Path, value: dict[str, float], message: str
) -> None:
    recipe = models.first(1).recipe(
        "task_arithmetic", [value], blocks=LayerGroups(("lower", "upper"))
    )

    with pytest.raises(MergeError, match=message):
        write_merge(recipe, tmp_path / "merged")


def test_an_expert_without_a_tensor_is_refused(models: Models, tmp_path: Path) -> None:
    weights = read_weights(models.experts["first"])
    del weights["layers.1.mlp.weight"]
    write_weights(tmp_path / "first", weights)
    incomplete = Models(models.base, {"first": tmp_path / "first"})

    with pytest.raises(MergeError, match=r"lacks 1 of the .* layers\.1\.mlp\.weight; fine-tune"):
        write_merge(incomplete.recipe("ties"), tmp_path / "merged")
