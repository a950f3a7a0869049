"""What is read of configurations as people write them; values worked out by hand."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from moopt.errors import MergeError
from moopt.merging.blocks import EveryTensor, LayerGroups
from moopt.merging.from_mergekit import recipe_from_mergekit
from moopt.merging.recipe import MergeRecipe

TENSORS = (
    "model.embed_tokens.weight",
    "model.layers.0.mlp.weight",
    "model.layers.0.self_attn.weight",
    "model.layers.1.mlp.weight",
    "model.layers.1.self_attn.weight",
    "model.layers.2.mlp.weight",
    "model.layers.2.self_attn.weight",
    "model.norm.weight",
)


def read(text: str) -> MergeRecipe:
    return recipe_from_mergekit(text, lambda _: TENSORS)


def with_lines(*lines: str, method: str = "ties", weight: str = "1") -> str:
    return "\n".join(
        (
            f"merge_method: {method}",
            "base_model: org/base",
            f"models: [{{model: org/a, parameters: {{weight: {weight}}}}}]",
            *lines,
        )
    )


def test_what_is_left_out_has_the_defaults_of_mergekit() -> None:
    assert read(with_lines()) == MergeRecipe(
        "ties",
        {"a": "org/a"},
        base="org/base",
        coefficients={"a": 1.0},
        options={"density": 1.0, "normalize": True, "scale": 1.0, "election": "weighted"},
    )


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("task_arithmetic", {"normalize": False, "scale": 1.0}),
        (
            "dare_linear",
            {"density": 1.0, "normalize": False, "rescale": "l1", "scale": 1.0},
        ),
        (
            "della",
            {
                "density": 1.0,
                "window": 0.15,
                "normalize": True,
                "rescale": "l1",
                "scale": 1.0,
                "election": "weighted",
            },
        ),
        (
            "breadcrumbs",
            {"density": 1.0, "outliers": 0.01, "normalize": False, "scale": 1.0},
        ),
    ],
)
def test_each_method_has_defaults_of_its_own(method: str, options: dict[str, object]) -> None:
    assert read(with_lines(method=method)).options == options


def test_a_recipe_as_people_publish_them() -> None:
    recipe = read("""
models:
  - model: mistralai/Mistral-7B-v0.1
    # no parameters necessary for base model
  - model: OpenPipe/mistral-ft-optimized-1218
    parameters: {density: 0.5, weight: 0.5}
  - model: mlabonne/NeuralHermes-2.5-Mistral-7B
    parameters: {density: 0.53, weight: 0.3}
merge_method: dare_ties
base_model: mistralai/Mistral-7B-v0.1
parameters:
  int8_mask: true
  rescale: false
  normalize: 1
dtype: bfloat16
tokenizer_source: base
""")

    first, second = "mistral-ft-optimized-1218", "NeuralHermes-2.5-Mistral-7B"
    assert recipe == MergeRecipe(
        "dare_ties",
        {
            first: "OpenPipe/mistral-ft-optimized-1218",
            second: "mlabonne/NeuralHermes-2.5-Mistral-7B",
        },
        base="mistralai/Mistral-7B-v0.1",
        coefficients={first: 0.5, second: 0.3},
        options={
            "density": {first: 0.5, second: 0.53},
            "normalize": True,
            "rescale": "none",
            "scale": 1.0,
            "election": "weighted",
        },
        dtype="bfloat16",
    )


def test_gradients_and_filters_are_spread_over_the_tensors() -> None:
    recipe = read("""
merge_method: slerp
base_model: org/one
slices:
  - sources:
      - {model: org/one, layer_range: [0, 3]}
      - {model: org/two, layer_range: [0, 3]}
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.25]
    - filter: mlp
      value: [1, 0.5]
    - value: [0.125, 1]
""")

    assert recipe.blocks == EveryTensor()
    assert recipe.base is None
    assert recipe.coefficients["two"] == {
        "model.embed_tokens.weight": 0.125,  # depth 0, the beginning of the list
        "model.layers.0.mlp.weight": 1.0,
        "model.layers.0.self_attn.weight": 0.0,
        "model.layers.1.mlp.weight": 0.75,
        "model.layers.1.self_attn.weight": 0.5,
        "model.layers.2.mlp.weight": 0.5,
        "model.layers.2.self_attn.weight": 0.25,
        "model.norm.weight": 0.125,  # depth 0 too, although it comes last
    }
    assert recipe.coefficients["one"] == {
        name: 1 - share for name, share in _mapping(recipe.coefficients["two"]).items()
    }


def _mapping(value: object) -> dict[str, float]:
    assert isinstance(value, dict)
    return value


def test_a_model_counts_before_the_slice_and_the_slice_before_the_configuration() -> None:
    recipe = read("""
merge_method: task_arithmetic
base_model: org/base
slices:
  - sources:
      - {model: org/a, layer_range: [0, 3], parameters: {weight: [{filter: mlp, value: 1}]}}
      - {model: org/b, layer_range: [0, 3]}
      - {model: org/base, layer_range: [0, 3]}
    parameters:
      weight: [{filter: norm, value: 2}]
parameters:
  weight: 3
  lambda: 0.5
""")

    expected = {name: 1.0 if "mlp" in name else 3.0 for name in TENSORS}
    assert recipe.coefficients["a"] == {**expected, "model.norm.weight": 2.0}
    assert recipe.coefficients["b"] == {name: 2.0 if "norm" in name else 3.0 for name in TENSORS}
    assert recipe.options["scale"] == 0.5


def test_filters_that_say_the_same_of_every_tensor_are_one_number() -> None:
    recipe = read(with_lines(weight="[{filter: mlp, value: 2}, {value: 2.0}]"))

    assert recipe.coefficients == {"a": 2.0}
    assert recipe.blocks == LayerGroups()


def test_the_base_of_a_linear_merge_is_one_more_model() -> None:
    recipe = read("""
merge_method: linear
base_model: org/base
models: [{model: org/a, parameters: {weight: 2}}, {model: org/b}]
parameters: {weight: 1}
""")

    assert recipe.experts == {"a": "org/a", "b": "org/b", "base": "org/base"}
    assert recipe.coefficients == {"a": 2.0, "b": 1.0, "base": 1.0}
    assert recipe.options == {"normalize": True}


def test_slerp_counts_from_its_base_whatever_the_order() -> None:
    recipe = read("""
merge_method: slerp
base_model: org/b
models: [{model: org/a}, {model: org/b}]
parameters: {t: 0.25}
""")

    assert recipe.experts == {"b": "org/b", "a": "org/a"}
    assert recipe.coefficients == {"b": 0.75, "a": 0.25}


def test_nuslerp_goes_without_a_base() -> None:
    recipe = read("""
merge_method: nuslerp
models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 3}}]
parameters: {nuslerp_flatten: true}
""")

    assert recipe.base is None
    assert recipe.coefficients == {"a": 1.0, "b": 3.0}


def test_shares_above_everything_are_everything() -> None:
    sce = "merge_method: sce\nbase_model: b\nmodels: [model: a]\nparameters: {select_topk: 1.5}"

    assert read(sce).options == {"select": 1.0, "scale": 1.0}
    assert read(with_lines("parameters: {density: 2}")).options["density"] == 1.0


def test_models_of_one_name_are_told_apart() -> None:
    recipe = read(
        "merge_method: model_stock\nbase_model: x/m\nmodels: [{model: y/m}, {model: z/m@v2}]"
    )

    assert recipe.experts == {"m": "y/m", "m-2": "z/m@v2"}


def test_an_adapter_of_the_base_is_an_expert() -> None:
    recipe = read(
        "merge_method: ties\nbase_model: org/base\n"
        "models: [{model: org/base+adapters/law, parameters: {weight: 1}}]"
    )

    assert recipe.experts == {"law": "adapters/law"}


@pytest.mark.parametrize(
    ("lines", "dtype"),
    [
        ((), None),
        (("dtype: bfloat16",), "bfloat16"),
        (("dtype: float32", "out_dtype: float16"), "float16"),
        (("dtype: float64", "out_dtype: torch.float32"), "float32"),
    ],
)
def test_weights_are_written_in_what_they_would_be(lines: tuple[str, ...], dtype: str) -> None:
    assert read(with_lines(*lines)).dtype == dtype


def test_the_names_come_from_the_base_itself(tmp_path: Path) -> None:
    tensors = {name: torch.zeros(2) for name in TENSORS} | {"ids": torch.zeros(2).long()}
    save_file(tensors, tmp_path / "model.safetensors")

    recipe = recipe_from_mergekit(
        f"merge_method: task_arithmetic\nbase_model: {json.dumps(str(tmp_path))}\n"
        "models: [{model: a, parameters: {weight: [0, 1]}}]"
    )

    assert list(_mapping(recipe.coefficients["a"])) == list(TENSORS)


REFUSED = {
    "a: [": "this is not a mergekit configuration: while parsing",
    "- 1": "it has no `merge_method`",
    with_lines("normalise: true"): "a configuration has no 'normalise'; it has base_model,",
    with_lines(
        "parameters: {lambdas: 1}"
    ): "ties has no parameter 'lambdas' that mergekit reads; it",
    with_lines("modules: {text: {}}"): "write `models` instead of `modules`",
    with_lines("chat_template: auto"): "leave `chat_template` out",
    with_lines("slices: []"): "either `models` or `slices`",
    with_lines("tokenizer_source: union"): "bring the models to one vocabulary first",
    with_lines("tokenizer_source: {model: a}"): "moopt does not build the tokenizer",
    with_lines("dtype: 2001-99-99"): "this is not a mergekit configuration: month must be",
    with_lines("tokenizer: {source: union}"): "write `tokenizer_source: base`",
    with_lines("tokenizer: {source: base, pad_to_multiple_of: 8}"): "with every token that it has",
    with_lines("out_dtype: float64"): "moopt writes float32, bfloat16, float16, not 'float64'",
    with_lines(method="karcher"): "moopt does not have mergekit's method 'karcher'; it has task_",
    with_lines(method="passthrough"): "does not have mergekit's method 'passthrough'",
    with_lines("parameters: {rescale: true}"): "computes as with `rescale: false` only",
    with_lines("parameters: {normalize: [true, false]}"): "'normalize' differs from tensor to",
    with_lines("parameters: {normalize: 0.5}"): "'normalize' is true or false, got 0.5",
    with_lines(weight="yes"): "'weight' is a number, got True",
    with_lines(weight="heavy"): "'weight' is a number, got 'heavy'",
    with_lines(weight="[{filter: mlp, value: 1}]"): "ties needs 'weight' for every tensor",
    with_lines("parameters: {density: 0}"): "'density' must be larger than 0",
    "merge_method: ties\nmodels: [{model: a, parameters: {weight: 1}}]": "needs a `base_model`",
    "merge_method: ties\nbase_model: b\nmodels: a": "`models` is a list with at least one entry",
    "merge_method: ties\nbase_model: b\nmodels: [a]": "a model has a `model`, got 'a'",
    "merge_method: ties\nbase_model: b\nmodels: [{model: 3}]": "a model is a folder or a name",
    "merge_method: ties\nbase_model: b\nmodels: [{model: a, weight: 1}]": "a model has no 'weight'",
    "merge_method: ties\nbase_model: b\nmodels: [{model: a, parameters: 1}]": "map names to values",
    "merge_method: ties\nbase_model: b\nmodels: [{model: a, parameters: {lambda: 1}}]": (
        "'a' in ties has no parameter 'lambda' that mergekit reads; it has density, weight"
    ),
    "merge_method: ties\nbase_model: b\nmodels: [{model: a}, {model: a}]": "'a' is listed twice",
    "merge_method: ties\nbase_model: b\nmodels: [{model: c+lora}]": (
        "'lora' is an adapter of 'c', and moopt takes adapters of the base model only, .* 'b'"
    ),
    "merge_method: slerp\nbase_model: b\nmodels: [{model: b}]\nparameters: {t: 1}": (
        "slerp merges `base_model` and one model, got 0"
    ),
    "merge_method: slerp\nbase_model: b\nmodels: [{model: a}]": "slerp needs 't'",
    "merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\n"
    "parameters: {weight: 1, nuslerp_flatten: false}": "`nuslerp_flatten: true` only",
    "merge_method: model_stock\nbase_model: c\nmodels: [{model: a}, {model: b}]\n"
    "parameters: {filter_wise: true}": "`filter_wise: false` only",
    "merge_method: linear\nslices: [{sources: [{model: a}]}]": "`layer_range` of 'a' is two whole",
    "merge_method: linear\nslices: [{parameters: {}}]": "a slice lists `sources`",
    "merge_method: linear\nslices: [{sources: [], residual_weight: 1}]": "no 'residual_weight'",
    "merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 3]}]}, "
    "{sources: [{model: b, layer_range: [1, 3]}]}]": "2 slices builds a model out of layers",
    "merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 2], "
    "parameters: {weight: 1}}]}]": r"\[0, 2\] of 'a', which has 3, .*: give the range \[0, 3\]",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_moopt_does_not_do_is_refused(text: str, message: str) -> None:
    with pytest.raises(MergeError, match=message):
        read(text)
