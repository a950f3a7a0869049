import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.mergekit import mergekit_yaml
from moopt.merging.recipe import MergeRecipe

NAMES = st.lists(st.text("abc_é\"'", min_size=1, max_size=4), min_size=1, max_size=3, unique=True)
TENSORS = [
    "embeddings.word.weight",
    "encoder.layer.0.dense.weight",
    "encoder.layer.1.dense.weight",
    "pooler.weight",
]


@st.composite
def recipes(draw: st.DrawFn) -> MergeRecipe:
    experts, groups = draw(NAMES), draw(NAMES)
    return MergeRecipe(
        base=draw(st.text(max_size=5)),
        experts={name: draw(st.text(max_size=5)) for name in experts},
        method="task_arithmetic",
        layer_groups=tuple(groups),
        coefficients={
            name: {
                group: draw(st.floats(allow_nan=False, allow_infinity=False)) for group in groups
            }
            for name in experts
        },
    )


def recipe(lower: float, upper: float, method: str = "task_arithmetic") -> MergeRecipe:
    return MergeRecipe(
        base="models/base",
        experts={"mails": "models/mails"},
        method=method,
        layer_groups=("lower", "upper"),
        coefficients={"mails": {"lower": lower, "upper": upper}},
    )


@given(recipes())
def test_json_both_ways_gives_the_same_recipe(drawn: MergeRecipe) -> None:
    assert MergeRecipe.from_json(drawn.to_json()) == drawn


@given(recipes())
def test_coefficients_of_a_group_are_in_the_order_of_the_experts(drawn: MergeRecipe) -> None:
    group = drawn.layer_groups[0]

    expected = [drawn.coefficients[expert][group] for expert in drawn.experts]
    assert list(drawn.for_group(group)) == expected


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(MergeError, match="unknown merge method 'ties'"):
        recipe(0.1, 0.2, method="ties")


def test_a_coefficient_must_be_finite() -> None:
    with pytest.raises(MergeError, match="'mails' in group 'upper' must be a finite number"):
        recipe(0.1, float("nan"))


def test_every_group_needs_a_coefficient() -> None:
    with pytest.raises(MergeError, match="given for lower, upper; got them for lower"):
        MergeRecipe("b", {"m": "m"}, "task_arithmetic", ("lower", "upper"), {"m": {"lower": 1.0}})


def test_a_recipe_without_experts_is_refused() -> None:
    with pytest.raises(MergeError, match="at least one expert"):
        MergeRecipe("b", {}, "task_arithmetic", ("all",), {})


def test_equal_layer_groups_are_refused() -> None:
    with pytest.raises(MergeError, match="distinct names"):
        MergeRecipe("b", {"m": "m"}, "task_arithmetic", ("all", "all"), {"m": {"all": 1.0}})


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1, "base": "b", "experts": 3}'])
def test_text_that_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(MergeError, match="not a merge recipe"):
        MergeRecipe.from_json(text)


def test_a_recipe_of_a_later_format_is_refused() -> None:
    content = json.loads(recipe(0.1, 0.2).to_json())

    with pytest.raises(MergeError, match="has format 2, this version of moopt reads 1"):
        MergeRecipe.from_json(json.dumps(content | {"format": 2}))


def test_mergekit_is_told_the_value_of_every_layer_and_of_the_rest() -> None:
    configuration = yaml.safe_load(mergekit_yaml(recipe(1e-5, 0.75), TENSORS))

    assert configuration["merge_method"] == "task_arithmetic"
    assert configuration["base_model"] == "models/base"
    assert configuration["parameters"] == {"normalize": False, "lambda": 1.0}
    assert configuration["models"] == [
        {
            "model": "models/mails",
            "parameters": {
                "weight": [
                    {"filter": "embeddings.word.weight", "value": 1e-5},
                    {"filter": "encoder.layer.0.", "value": 1e-5},
                    {"filter": "encoder.layer.1.", "value": 0.75},
                    {"filter": "pooler.weight", "value": 0.75},
                    {"value": 0.75},
                ]
            },
        }
    ]


@given(recipes())
def test_mergekit_reads_every_number_exactly(drawn: MergeRecipe) -> None:
    tensors = [f"h.{layer}.w" for layer in range(len(drawn.layer_groups))]

    configuration = yaml.safe_load(mergekit_yaml(drawn, tensors))

    read = [
        [rule["value"] for rule in model["parameters"]["weight"][:-1]]
        for model in configuration["models"]
    ]
    assert read == [list(by_group.values()) for by_group in drawn.coefficients.values()]
