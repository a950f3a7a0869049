"""mergekit makes of a configuration that moopt wrote what moopt makes of the recipe."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from moopt.merging.blocks import LayerGroups
from moopt.merging.engine import write_merge
from moopt.merging.from_mergekit import recipe_from_mergekit, tensors_in
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.methods import METHODS
from moopt.merging.recipe import MergeRecipe, OptionValue
from tests.merging.oracle.mergekit_oracle import MergekitOracle
from tests.merging.oracle.tiny_families import EXPERTS, Family, write_family

pytestmark = pytest.mark.slow

PARTS = {"norms": "(?i)norm", "attention": "(?i)attention|attn", "mlp": ""}
BLOCKS = LayerGroups(("lower", "upper"), parts=PARTS)
COEFFICIENTS: Mapping[str, float | Mapping[str, float]] = {
    "first": 0.3,
    "second": dict(zip(BLOCKS.blocks, (0.1, 0.2, 0.5, -0.3, 0.7, 0.9), strict=True)),
    "third": 0.6,
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return write_family("llama", tmp_path_factory.mktemp("llama"))


def recipe_of(family: Family, method: str, **options: OptionValue) -> MergeRecipe:
    names = EXPERTS[: METHODS[method].most_experts]
    return MergeRecipe(
        method,
        {name: str(folder) for name, folder in zip(names, family.experts, strict=False)},
        base=str(family.base),
        coefficients={}
        if not METHODS[method].takes_coefficients
        else {name: COEFFICIENTS[name] for name in names},
        blocks=BLOCKS,
        options=options,
    )


def merged(recipe: MergeRecipe, folder: Path) -> dict[str, Tensor]:
    write_merge(recipe, folder)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("task_arithmetic", {"scale": 0.5, "normalize": True}),
        ("linear", {}),
        ("slerp", {}),
        ("nuslerp", {}),
        ("ties", {"density": {"first": 0.3, "second": 0.5, "third": 0.9}, "scale": 0.5}),
        ("breadcrumbs", {"density": 0.6, "outliers": 0.1}),
        ("breadcrumbs_ties", {"density": 0.6, "outliers": 0.1, "normalize": True}),
        ("sce", {"select": 0.4}),
        ("model_stock", {}),
        ("dare_ties", {"density": 1.0, "rescale": "l1"}),
        ("della", {"density": 1.0, "rescale": "l1"}),
    ],
)
def test_a_configuration_makes_what_its_recipe_makes(
    oracle: MergekitOracle,
    llama: Family,
    tmp_path: Path,
    method: str,
    options: dict[str, OptionValue],
) -> None:
    recipe = recipe_of(llama, method, **options)

    theirs = oracle.merge(mergekit_yaml(recipe, tensors_in(str(llama.base))))

    torch.testing.assert_close(theirs, merged(recipe, tmp_path), rtol=0, atol=1e-5)


def test_names_count_in_every_architecture(
    oracle: MergekitOracle, family: Family, tmp_path: Path
) -> None:
    recipe = recipe_of(family, "task_arithmetic")

    theirs = oracle.merge(mergekit_yaml(recipe, tensors_in(str(family.base))))

    ours = merged(recipe, tmp_path)
    torch.testing.assert_close({name: theirs[name] for name in ours}, ours, rtol=0, atol=1e-6)


def test_depth_runs_in_every_architecture(
    oracle: MergekitOracle, family: Family, tmp_path: Path
) -> None:
    config = (
        f"merge_method: task_arithmetic\nbase_model: {family.base}\ndtype: float32\n"
        f"models: [{{model: {family.experts[0]}, parameters: {{weight: [0.2, 1, 0.4, 3]}}}}]"
    )

    theirs = oracle.merge(config)

    ours = merged(recipe_from_mergekit(config), tmp_path)
    torch.testing.assert_close({name: theirs[name] for name in ours}, ours, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        """
merge_method: task_arithmetic
base_model: {base}
models:
  - model: {base}
    parameters: {{weight: 7}}
  - model: {first}
    parameters:
      weight:
        - {{filter: self_attn, value: [0, 0.5, 0.2, 1]}}
        - {{filter: "layers.1.", value: 0.9}}
        - {{filter: norm, value: [0.3, 0.6]}}
  - model: {second}
parameters: {{weight: [0.4, -0.2], lambda: [{{filter: mlp, value: 0.5}}, {{value: "1.5e-1"}}]}}
dtype: float32
""",
        """
merge_method: ties
base_model: {base}
slices:
  - sources:
      - {{model: {first}, layer_range: [0, 3], parameters: {{weight: 1, density: [0.2, 0.8]}}}}
      - {{model: {base}, layer_range: [0, 3]}}
      - {{model: {second}, layer_range: [0, 3]}}
    parameters: {{weight: 0.5}}
parameters: {{weight: 3, int8_mask: true}}
dtype: float32
""",
        """
merge_method: linear
base_model: {base}
models:
  - {{model: {first}, parameters: {{weight: [1, 2]}}}}
  - {{model: {second}}}
parameters: {{weight: 0.7}}
dtype: float32
""",
        """
merge_method: slerp
base_model: {second}
models: [{{model: {first}}}, {{model: {second}}}]
parameters:
  t: [{{filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1]}}, {{value: [0.2, 1]}}]
dtype: float32
""",
        """
merge_method: breadcrumbs
base_model: {base}
models: [{{model: {first}}}, {{model: {second}}}]
parameters: {{weight: 0.5, density: 0.7, normalize: true}}
dtype: float32
""",
        """
merge_method: nuslerp
models: [{{model: {first}, parameters: {{weight: 0.2}}}}, {{model: {second}}}]
parameters: {{weight: 0.7}}
dtype: float32
""",
        """
merge_method: sce
base_model: {base}
models: [{{model: {first}}}, {{model: {second}}}, {{model: {third}}}]
parameters: {{select_topk: [0.3, 0.9]}}
dtype: float32
""",
    ],
)
def test_a_recipe_makes_what_the_configuration_makes(
    oracle: MergekitOracle, llama: Family, tmp_path: Path, text: str
) -> None:
    folders = dict(zip(EXPERTS, map(str, llama.experts), strict=True))
    config = text.format(base=llama.base, **folders)

    theirs = oracle.merge(config)

    ours = merged(recipe_from_mergekit(config), tmp_path)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)
