from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.blocks import (
    ENDS,
    PARTS,
    Blocks,
    EveryLayer,
    EveryTensor,
    LayerGroups,
    assign,
    blocks_from_json,
    blocks_to_json,
    layer_prefix,
)

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
HALVES = LayerGroups(("lower", "upper"))


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
    assert list(assign(HALVES, names).values()) == expected


@given(st.integers(1, 40), st.data())
def test_groups_rise_with_depth_and_differ_by_one_layer_at_most(
    depth: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, depth))
    groups = tuple(f"group_{index}" for index in range(count))

    found = list(assign(LayerGroups(groups), [f"h.{layer}.w" for layer in range(depth)]).values())

    sizes = [found.count(group) for group in groups]
    assert found == sorted(found, key=groups.index)
    assert max(sizes) - min(sizes) <= 1


def test_more_groups_than_layers_are_refused() -> None:
    with pytest.raises(MergeError, match="has 3 layers and cannot be cut into 4 groups"):
        assign(LayerGroups(("a", "b", "c", "d")), BERT)


def test_names_without_layers_make_one_group_only() -> None:
    assert assign(LayerGroups(), ["weight", "bias"]) == {"weight": "all", "bias": "all"}
    with pytest.raises(MergeError, match="use one group"):
        assign(HALVES, ["weight", "bias"])


def test_a_group_is_divided_into_its_parts_of_which_the_first_that_fits_counts() -> None:
    blocks = LayerGroups(("lower", "upper"), parts=PARTS)
    names = [
        "embed.weight",
        "h.0.attention_norm.weight",
        "h.0.attn.weight",
        "h.0.mlp.weight",
        "h.1.ln_1.weight",
        "h.1.self_attention.weight",
        "h.1.fc.weight",
    ]

    assert list(assign(blocks, names).values()) == [
        "lower_mlp",
        "lower_norms",
        "lower_attention",
        "lower_mlp",
        "upper_norms",
        "upper_attention",
        "upper_mlp",
    ]


def test_ends_are_blocks_of_their_own_and_lie_outside_the_layers() -> None:
    blocks = LayerGroups(ends=ENDS)
    names = ["model.embed_tokens.weight", "h.0.head.weight", "norm.weight", "lm_head.weight"]

    assert list(assign(blocks, names).values()) == ["embeddings", "all", "all", "head"]
    assert blocks.blocks == ("all", "embeddings", "head")


def test_a_block_without_tensors_is_refused() -> None:
    with pytest.raises(MergeError, match="no tensor belongs to head, so its coefficients would do"):
        assign(LayerGroups(ends=ENDS), ["model.embed_tokens.weight", "h.0.w"])


def test_a_tensor_that_fits_no_part_is_refused() -> None:
    with pytest.raises(MergeError, match=r"'h\.0\.mlp\.weight' fits none of the parts"):
        assign(LayerGroups(parts={"attention": "att"}), ["h.0.attention", "h.0.mlp.weight"])


def test_every_layer_is_a_block_and_stacks_share_them() -> None:
    assert list(assign(EveryLayer(), T5).values()) == ["before", "0", "1", "0", "1", "after"]


def test_every_tensor_is_a_block() -> None:
    assert assign(EveryTensor(), BERT) == {name: name for name in BERT}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerGroups(()), "need names, at least one"),
        (lambda: LayerGroups(("a", "")), "need names, at least one"),
        (lambda: LayerGroups(("a", "a")), "two blocks have one name"),
        (lambda: LayerGroups(("a",), ends={"a": "x"}), "two blocks have one name"),
        (lambda: LayerGroups(layer_pattern="("), "is not a regular expression"),
    ],
)
def test_blocks_that_cannot_be_told_apart_are_refused(
    make: Callable[[], LayerGroups], message: str
) -> None:
    with pytest.raises(MergeError, match=message):
        make()


@pytest.mark.parametrize(
    "blocks",
    [
        LayerGroups(),
        LayerGroups(("low", "high"), parts=PARTS, ends=ENDS),
        LayerGroups(layer_pattern=r"block(\d+)", before_pattern="stem"),
        EveryLayer(),
        EveryLayer(r"block(\d+)", "stem"),
        EveryTensor(),
    ],
)
def test_json_both_ways_gives_the_same_blocks(blocks: Blocks) -> None:
    assert blocks_from_json(blocks_to_json(blocks)) == blocks


@pytest.mark.parametrize(
    "content", ["every", {}, {"layer_groups": "all"}, {"layer_groups": ["all"], "end": {}}, None]
)
def test_what_describes_no_blocks_is_refused(content: object) -> None:
    with pytest.raises(MergeError, match='blocks are "every_tensor"'):
        blocks_from_json(content)


def test_the_prefix_of_a_layer_ends_with_its_number() -> None:
    assert layer_prefix("encoder.layer.11.output.weight") == "encoder.layer.11."
    assert layer_prefix("pooler.weight") is None
