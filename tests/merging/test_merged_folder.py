"""What `moopt merge` puts beside the weights."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from moopt.merging.card import PAPERS, merge_card
from moopt.merging.folder import is_merged_folder, write_merged_folder
from moopt.merging.locations import LocatedRecipe
from moopt.merging.methods import METHODS
from moopt.merging.recipe import MergeRecipe

CONFIG = {"model_type": "tiny", "torch_dtype": "float32", "text_config": {"dtype": "float32"}}


@pytest.fixture
def recipe(tmp_path: Path) -> MergeRecipe:
    """Return the average of two models of one number each."""
    for name, value in {"base": 1.0, "code": 2.0, "math": 4.0}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(CONFIG))
        save_file({"w": torch.tensor([value])}, tmp_path / name / "model.safetensors")
    return MergeRecipe(
        "task_arithmetic",
        {name: str(tmp_path / name) for name in ("code", "math")},
        base=str(tmp_path / "base"),
        coefficients={"code": 0.5, "math": 0.25},
    )


def written(recipe: MergeRecipe, folder: Path, named: MergeRecipe | None = None) -> Path:
    """Write a merge, whose recipe may be written down with other names."""
    write_merged_folder(LocatedRecipe(recipe, named or recipe), folder, title="mixture")
    return folder


def front_matter(folder: Path) -> object:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_the_folder_holds_model_recipe_configuration_and_card(
    recipe: MergeRecipe, tmp_path: Path
) -> None:
    folder = tmp_path / "merged"

    found = write_merged_folder(LocatedRecipe(recipe, recipe), folder, title="mixture")

    assert found.files == (
        "README.md",
        "config.json",
        "mergekit.yml",
        "model.safetensors",
        "recipe.json",
    )
    assert (found.tensors, found.size, found.not_for_mergekit) == (1, 4, None)
    assert load_file(folder / "model.safetensors")["w"].item() == 1 + 0.5 + 0.25 * 3
    assert MergeRecipe.from_json((folder / "recipe.json").read_text()) == recipe
    assert yaml.safe_load((folder / "mergekit.yml").read_text())["out_dtype"] == "float32"


def test_the_configuration_says_the_dtype_of_the_weights(
    recipe: MergeRecipe, tmp_path: Path
) -> None:
    folder = written(dataclasses.replace(recipe, dtype="bfloat16"), tmp_path / "merged")

    assert json.loads((folder / "config.json").read_text()) == {
        "model_type": "tiny",
        "torch_dtype": "bfloat16",
        "text_config": {"dtype": "bfloat16"},
    }
    assert load_file(folder / "model.safetensors")["w"].dtype == torch.bfloat16


def test_a_configuration_without_a_dtype_gets_one(recipe: MergeRecipe, tmp_path: Path) -> None:
    (tmp_path / "base" / "config.json").write_text("{}")

    folder = written(dataclasses.replace(recipe, dtype="float16"), tmp_path / "merged")

    assert json.loads((folder / "config.json").read_text()) == {"torch_dtype": "float16"}


def test_what_mergekit_cannot_do_has_no_configuration(recipe: MergeRecipe, tmp_path: Path) -> None:
    other = dataclasses.replace(recipe, method="della")

    found = write_merged_folder(LocatedRecipe(other, other), tmp_path / "merged", title="m")

    assert found.not_for_mergekit is not None
    assert '"rescale": "l1"' in found.not_for_mergekit
    assert "mergekit.yml" not in found.files
    assert "mergekit-yaml" not in (tmp_path / "merged" / "README.md").read_text()


def test_the_card_lists_the_models_of_the_hub(recipe: MergeRecipe, tmp_path: Path) -> None:
    experts = {"code": "org/code@v1", "math": recipe.experts["math"]}
    named = dataclasses.replace(recipe, base="org/base", experts=experts)

    folder = written(recipe, tmp_path / "merged", named)

    assert front_matter(folder) == {
        "library_name": "transformers",
        "base_model": ["org/base", "org/code"],
        "tags": ["moopt", "merge"],
    }


def test_the_card_tells_method_models_and_recipe_without_the_way_to_any_folder(
    recipe: MergeRecipe, tmp_path: Path
) -> None:
    card = (written(recipe, tmp_path / "merged") / "README.md").read_text()

    assert "# mixture\n" in card
    assert "by `task_arithmetic`: add scaled task vectors" in card
    assert "[Ilharco et al., 2023](https://arxiv.org/abs/2212.04089)" in card
    assert "| code | `code` | 0.5 |" in card
    assert '"code": 0.5,' in card
    assert str(tmp_path) not in card


def test_the_card_tells_the_range_of_numbers_that_differ(
    recipe: MergeRecipe, tmp_path: Path
) -> None:
    other = MergeRecipe(
        "ties",
        recipe.experts,
        base=recipe.base,
        coefficients={"code": {"all": 0.5}, "math": {"a": 0.25, "b": 1.0}},
        options={"density": {"code": 0.3, "math": {"a": 0.1, "b": 0.2}}, "scale": {"a": 1, "b": 2}},
    )

    card = merge_card(tmp_path, other, "m")

    assert "| math | `math` | 0.25 to 1, by block |" in card
    assert "| `density` | code 0.3, math 0.1 to 0.2, by block |" in card
    assert "| `scale` | 1 to 2, by block |" in card


def test_a_language_model_is_loaded_as_one(recipe: MergeRecipe, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')

    assert "model = AutoModelForCausalLM.from_pretrained" in merge_card(tmp_path, recipe, "m")


def test_every_method_has_a_paper() -> None:
    assert set(PAPERS) == set(METHODS)


def test_a_folder_with_anything_else_in_it_is_not_only_a_merge(
    recipe: MergeRecipe, tmp_path: Path
) -> None:
    folder = written(recipe, tmp_path / "merged")

    assert is_merged_folder(folder)
    assert not is_merged_folder(tmp_path / "base")
    (folder / "notes.txt").touch()
    assert not is_merged_folder(folder)
