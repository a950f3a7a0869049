"""A recipe, written for mergekit and read again, says the same of every tensor."""

import dataclasses

import numpy as np
import pytest
import yaml
from hypothesis import given, settings

from moopt.errors import MergeError
from moopt.merging.blocks import LayerGroups
from moopt.merging.from_mergekit import recipe_from_mergekit
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.mergekit_dialect import DIALECTS
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Settings
from moopt.merging.methods.spherical import share_of_second
from moopt.merging.recipe import MergeRecipe
from moopt.merging.settings import settings_of
from tests.merging.drawn_recipes import TENSORS, recipes


def again(recipe: MergeRecipe) -> MergeRecipe:
    """Write a recipe for mergekit and read it."""
    return recipe_from_mergekit(mergekit_yaml(recipe, TENSORS), lambda _: TENSORS)


def by_value(tables: Settings) -> dict[str, object]:
    """Return what settings say of the experts in their order, without their names and seeds."""
    return {
        **{name: table.tolist() for name, table in tables.of_experts.items()},
        **{name: column.tolist() for name, column in tables.of_tensors.items()},
        **tables.flags,
        **tables.words,
    }


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(recipes())
def test_every_tensor_has_the_same_settings(drawn: MergeRecipe) -> None:
    ours, theirs = settings_of(drawn, TENSORS), settings_of(again(drawn), TENSORS)

    assert by_value(theirs) == by_value(ours)
    if drawn.method == "slerp":
        np.testing.assert_allclose(share_of_second(theirs), share_of_second(ours), rtol=1e-6)
    else:
        np.testing.assert_array_equal(theirs.coefficients, ours.coefficients)


@settings(max_examples=10, deadline=None)
@given(recipes())
def test_models_and_dtype_come_back(drawn: MergeRecipe) -> None:
    read = again(drawn)

    assert list(read.experts.values()) == list(drawn.experts.values())
    assert (read.base, read.dtype) == (drawn.base, drawn.dtype)


def ties(**options: bool | str | float) -> MergeRecipe:
    return MergeRecipe(
        "ties",
        {"math": "models/math", "code": "models/code"},
        base="models/base",
        coefficients={"math": 0.25, "code": {"lower": 1.0, "upper": 1e-5}},
        blocks=LayerGroups(("lower", "upper")),
        options={"density": 0.3, **options},
        dtype="bfloat16",
    )


def test_a_configuration_says_every_number_by_names() -> None:
    tensors = [
        "model.embed_tokens.weight",
        "model.layers.0.mlp.weight",
        "model.layers.1.mlp.weight",
        "model.norm.weight",
    ]

    assert mergekit_yaml(ties(scale=0.5), tensors) == (
        "# Written by moopt.\n"
        "# Of equal numbers at a cut moopt keeps all, mergekit some.\n"
        "merge_method: ties\n"
        'base_model: "models/base"\n'
        "models:\n"
        '  - model: "models/math"\n'
        "    parameters:\n"
        "      weight: 0.25\n"
        "      density: 0.3\n"
        '  - model: "models/code"\n'
        "    parameters:\n"
        "      weight:\n"
        '        - {filter: "model.embed_tokens.weight", value: 1.0}\n'
        '        - {filter: "model.layers.0.", value: 1.0}\n'
        '        - {filter: "model.layers.1.", value: 1.0e-05}\n'
        '        - {filter: "model.norm.weight", value: 1.0e-05}\n'
        "        - {value: 1.0}\n"
        "      density: 0.3\n"
        "parameters:\n"
        "  normalize: true\n"
        "  lambda: 0.5\n"
        "dtype: float32\n"
        "out_dtype: bfloat16\n"
    )


def test_a_linear_merge_has_no_base_model_which_mergekit_would_merge_too() -> None:
    recipe = MergeRecipe(
        "linear", {"a": "a", "b": "b"}, base="base", coefficients={"a": 1.0, "b": 2.0}
    )

    written = mergekit_yaml(recipe, TENSORS)

    assert "base_model" not in yaml.safe_load(written)
    assert "# mergekit takes configuration and tokenizer from a model that is merged." in written


def test_slerp_starts_at_the_first_expert() -> None:
    recipe = MergeRecipe("slerp", {"a": "a", "b": "b"}, coefficients={"a": 1.0, "b": 3.0})

    written = yaml.safe_load(mergekit_yaml(recipe, TENSORS))

    assert written["base_model"] == "a"
    assert written["models"] == [{"model": "a"}, {"model": "b"}]
    assert written["parameters"] == {"t": 0.75}


def test_signs_that_mergekit_reads_are_kept_from_it() -> None:
    recipe = MergeRecipe("linear", {"a": "a+b", "b": "c@d"}, coefficients={"a": 1.0, "b": 1.0})

    written = yaml.safe_load(mergekit_yaml(recipe, TENSORS))

    assert [each["model"] for each in written["models"]] == [
        {"model": {"path": "a+b"}},
        {"model": {"path": "c@d"}},
    ]


def test_an_adapter_is_one_of_the_base() -> None:
    recipe = MergeRecipe("task_arithmetic", {"a": "lora"}, base="base", coefficients={"a": 0.5})

    written = mergekit_yaml(recipe, TENSORS, adapters=["a"])

    assert yaml.safe_load(written)["models"][0]["model"] == {
        "model": {"path": "base"},
        "lora": {"path": "lora"},
    }
    assert recipe_from_mergekit(written).experts == {"lora": "lora"}


def test_the_stored_dtype_counts_where_the_recipe_names_none() -> None:
    recipe = dataclasses.replace(ties(), dtype=None)

    assert "out_dtype" not in mergekit_yaml(recipe, TENSORS)
    assert "out_dtype: float16\n" in mergekit_yaml(recipe, TENSORS, stored_dtype="float16")


@pytest.mark.parametrize(
    ("method", "options", "remark"),
    [
        ("dare_ties", {"rescale": "l1"}, "mergekit draws other masks"),
        ("della", {"rescale": "none"}, "mergekit draws other masks"),
        ("dare_linear", {}, "moopt divides by the density; mergekit restores"),
        ("breadcrumbs", {}, "moopt keeps all, mergekit some"),
        ("nuslerp", {}, "only moopt goes straight"),
    ],
)
def test_small_differences_are_remarked(method: str, options: dict[str, str], remark: str) -> None:
    recipe = MergeRecipe(
        method, {"a": "a", "b": "b"}, base="c", coefficients={"a": 1.0, "b": 2.0}, options=options
    )

    assert remark in mergekit_yaml(recipe, TENSORS)


@pytest.mark.parametrize("method", ["sce", "model_stock"])
def test_methods_without_coefficients_have_remarks_too(method: str) -> None:
    recipe = MergeRecipe(method, {"a": "a", "b": "b"}, base="c")

    assert "# Tensors that hardly changed: mergekit takes" in mergekit_yaml(recipe, TENSORS)


def test_rounding_at_random_is_remarked() -> None:
    recipe = dataclasses.replace(ties(), rounding_seed=1)

    assert "# mergekit rounds to the nearest, not at random." in mergekit_yaml(recipe, TENSORS)


def test_a_vote_without_weights_is_refused_where_weights_differ() -> None:
    with pytest.raises(MergeError, match='needs the option "election": "weighted"'):
        mergekit_yaml(ties(election="unweighted"), TENSORS)


def test_a_vote_without_weights_is_the_same_where_weights_are_equal() -> None:
    recipe = dataclasses.replace(
        ties(election="unweighted"), coefficients={"math": 0.5, "code": -0.5}
    )

    assert "merge_method: ties" in mergekit_yaml(recipe, TENSORS)


def test_della_divided_by_its_own_probabilities_is_refused() -> None:
    recipe = MergeRecipe("della", {"a": "a"}, base="b", coefficients={"a": 1.0})

    with pytest.raises(MergeError, match='needs the option "rescale": "l1"'):
        mergekit_yaml(recipe, TENSORS)


def test_a_scaled_sce_is_refused() -> None:
    recipe = MergeRecipe("sce", {"a": "a"}, base="b", options={"scale": 0.5})

    with pytest.raises(MergeError, match="mergekit's sce has no scale"):
        mergekit_yaml(recipe, TENSORS)


def test_one_folder_as_two_models_is_refused() -> None:
    recipe = MergeRecipe("linear", {"a": "m", "b": "m"}, coefficients={"a": 1.0, "b": 2.0})

    with pytest.raises(MergeError, match="'m' is two models of this recipe"):
        mergekit_yaml(recipe, TENSORS)


def test_a_base_that_is_an_expert_is_refused() -> None:
    recipe = MergeRecipe("task_arithmetic", {"a": "m"}, base="m", coefficients={"a": 1.0})

    with pytest.raises(MergeError, match="'m' is two models of this recipe"):
        mergekit_yaml(recipe, TENSORS)


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(DIALECTS)))
def test_a_method_that_mergekit_lacks_is_refused(method: str) -> None:
    recipe = MergeRecipe(
        method, {"a": "a"}, base="b", coefficients={"a": 1.0}, statistics={"a": "a.safetensors"}
    )

    with pytest.raises(MergeError, match=f"mergekit does not have the method '{method}'"):
        mergekit_yaml(recipe, TENSORS)


def test_a_model_without_tensors_is_refused() -> None:
    recipe = MergeRecipe("task_arithmetic", {"a": "m"}, base="b", coefficients={"a": 1.0})

    with pytest.raises(MergeError, match="there are no tensors to merge"):
        mergekit_yaml(recipe, [])
