import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.layer_groups import layer_groups, layer_prefix

BERT = [
    "bert.embeddings.word_embeddings.weight",
    *(f"bert.encoder.layer.{layer}.output.dense.weight" for layer in range(3)),
    "bert.pooler.dense.weight",
]
GPT2 = ["wte.weight", "wpe.weight", "h.0.attn.weight", "h.1.attn.weight", "ln_f.weight"]
LLAMA = [
    "model.embed_tokens.weight",
    "model.layers.0.mlp.weight",
    "model.layers.1.mlp.weight",
    "model.norm.weight",
    "lm_head.weight",
]
T5 = [
    "shared.weight",
    "encoder.block.0.layer.0.weight",
    "encoder.block.1.layer.1.weight",
    "decoder.block.0.layer.2.weight",
    "decoder.block.1.layer.0.weight",
    "decoder.final_layer_norm.weight",
]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (BERT, ["lower", "lower", "lower", "upper", "upper"]),
        (GPT2, ["lower", "lower", "lower", "upper", "upper"]),
        (LLAMA, ["lower", "lower", "upper", "upper", "upper"]),
        (T5, ["lower", "lower", "upper", "lower", "upper", "upper"]),
    ],
    ids=["bert", "gpt2", "llama", "t5"],
)
def test_embeddings_are_lowest_and_what_follows_the_layers_is_highest(
    names: list[str], expected: list[str]
) -> None:
    assert list(layer_groups(names, ["lower", "upper"]).values()) == expected


@given(st.integers(1, 40), st.data())
def test_groups_rise_with_depth_and_differ_by_one_layer_at_most(
    depth: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, depth))
    groups = [f"group_{index}" for index in range(count)]

    found = list(layer_groups([f"h.{layer}.w" for layer in range(depth)], groups).values())

    sizes = [found.count(group) for group in groups]
    assert found == sorted(found, key=groups.index)
    assert max(sizes) - min(sizes) <= 1


def test_more_groups_than_layers_are_refused() -> None:
    with pytest.raises(MergeError, match="has 3 layers and cannot be cut into 4 groups"):
        layer_groups(BERT, ["a", "b", "c", "d"])


def test_names_without_layers_make_one_group_only() -> None:
    assert layer_groups(["weight", "bias"], ["all"]) == {"weight": "all", "bias": "all"}
    with pytest.raises(MergeError, match="use one group"):
        layer_groups(["weight", "bias"], ["lower", "upper"])


def test_equal_names_of_groups_are_refused() -> None:
    with pytest.raises(MergeError, match="distinct names"):
        layer_groups(BERT, ["lower", "lower"])


def test_the_prefix_of_a_layer_ends_with_its_number() -> None:
    assert layer_prefix("encoder.layer.11.output.weight") == "encoder.layer.11."
    assert layer_prefix("pooler.weight") is None
