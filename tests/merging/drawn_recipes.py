"""Recipes of every method that mergekit has, with numbers that differ in every way they can."""

import math
from collections.abc import Mapping

from hypothesis import strategies as st

from moopt.merging.blocks import (
    ENDS,
    PARTS,
    Blocks,
    EveryLayer,
    EveryTensor,
    LayerGroups,
    assign,
)
from moopt.merging.mergekit_dialect import DIALECTS
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Choice, Flag, Number, Option
from moopt.merging.recipe import ByBlock, MergeRecipe, OptionValue

TENSORS = [
    "lm_head.weight",
    "model.embed_tokens.weight",
    *(
        f"model.layers.{layer}.{part}.weight"
        for layer in (0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9)
        for part in ("input_layernorm", "mlp.up_proj", "self_attn.q_proj")
    ),
    "model.norm.weight",
    "vision.model.layers.0.self_attn.q_proj.weight",
    "vision.model.layers.1.mlp.model.layers.0.weight",
]
"""Names of which some are parts of others."""

BLOCKS: tuple[Blocks, ...] = (
    LayerGroups(),
    LayerGroups(("lower", "upper")),
    LayerGroups(("lower", "upper"), parts=PARTS, ends=ENDS),
    EveryLayer(),
    EveryTensor(),
)
FOLDERS = ("/models/a", "/models/b", "org/c", "/é/d: 'e'", '/f "+g@h#', "org/i@v1.0")
EXACT: Mapping[str, str | float] = {"election": "weighted", "scale": 1.0}
"""What mergekit has no choice in; the scale for SCE only."""


@st.composite
def recipes(draw: st.DrawFn) -> MergeRecipe:
    """Draw a recipe that mergekit can carry out to the letter."""
    method = METHODS[draw(st.sampled_from(sorted(DIALECTS)))]
    folders = draw(st.permutations(FOLDERS))
    fewest = method.fewest_experts
    count = draw(st.integers(fewest, method.most_experts or fewest + 2))
    experts = {f"expert {index}": folders[index] for index in range(count)}
    blocks = draw(st.sampled_from(BLOCKS))
    names = list(dict.fromkeys(assign(blocks, TENSORS).values()))
    coefficient = Number(1.0, -4.0, 4.0)
    return MergeRecipe(
        method.name,
        experts,
        base=None if method.base.value == "unused" else folders[-1],
        coefficients={name: draw(by_block(coefficient, names)) for name in experts}
        if method.takes_coefficients
        else {},
        blocks=blocks,
        options={
            name: EXACT[name]
            if name == "election" or (name == "scale" and method.name == "sce")
            else draw(option_value(option, names, list(experts)))
            for name, option in method.options.items()
            if name != "seed"
        },
        dtype=draw(st.sampled_from(("float32", "bfloat16", "float16"))),
    )


def option_value(
    option: Option, blocks: list[str], experts: list[str]
) -> st.SearchStrategy[OptionValue]:
    """Draw the value of an option, of those that mergekit has."""
    match option:
        case Number(is_of_experts=True):
            own = st.fixed_dictionaries({name: by_block(option, blocks) for name in experts})
            return st.one_of(numbers(option), own)
        case Number():
            return by_block(option, blocks)
        case Flag():
            return st.booleans()
        case Choice(words=words):
            return st.sampled_from([word for word in words if word != "inverse"])
    raise AssertionError(option)


def by_block(option: Number, blocks: list[str]) -> st.SearchStrategy[ByBlock]:
    """Draw one number, or one for each block; few numbers, so that some are equal."""
    drawn = st.lists(numbers(option), min_size=1, max_size=3).flatmap(st.sampled_from)
    return st.one_of(
        numbers(option),
        st.fixed_dictionaries(dict.fromkeys(blocks, drawn)),
        st.fixed_dictionaries({name: numbers(option) for name in blocks}),
    )


def numbers(option: Number) -> st.SearchStrategy[float]:
    """Draw a number within the bounds."""
    low = math.nextafter(option.low, 1) if option.excludes_low else option.low
    return st.one_of(st.floats(low, option.high), st.sampled_from([option.default, option.high]))
