import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.blocks import Blocks, EveryLayer, EveryTensor, LayerGroups
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Base, Choice, Flag, Number, Option, Seed
from moopt.merging.recipe import ByBlock, MergeRecipe, OptionValue

NAMES = st.text("abc_é\"'", min_size=1, max_size=4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EXPERTS = {"films": "models/films", "mails": "models/mails"}


@st.composite
def by_block(draw: st.DrawFn, numbers: st.SearchStrategy[float]) -> ByBlock:
    if draw(st.booleans()):
        return draw(numbers)
    return draw(st.dictionaries(NAMES, numbers, min_size=1, max_size=3))


@st.composite
def option_values(draw: st.DrawFn, option: Option, experts: list[str]) -> OptionValue:
    match option:
        case Flag():
            return draw(st.booleans())
        case Choice(words=words):
            return draw(st.sampled_from(words))
        case Seed():
            return draw(st.integers(0, 2**40))
        case Number(low=low, high=high):
            numbers = st.floats(low, high, exclude_min=option.excludes_low)
            if option.is_of_experts and draw(st.booleans()):
                return {expert: draw(by_block(numbers)) for expert in experts}
            if option.is_of_experts:
                return draw(numbers)
            return draw(by_block(numbers))


@st.composite
def recipes(draw: st.DrawFn) -> MergeRecipe:
    method = METHODS[draw(st.sampled_from(sorted(METHODS)))]
    most = method.most_experts or 4
    names = draw(st.lists(NAMES, min_size=method.fewest_experts, max_size=most, unique=True))
    has_base = method.base is Base.REQUIRED or draw(st.booleans())
    groups = tuple(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)))
    blocks: list[Blocks] = [LayerGroups(groups), EveryLayer(), EveryTensor()]
    return MergeRecipe(
        method.name,
        {name: draw(st.text(max_size=5)) for name in names},
        base=draw(st.text(max_size=5)) if has_base else None,
        coefficients={name: draw(by_block(FINITE)) for name in names}
        if method.takes_coefficients
        else {},
        blocks=draw(st.sampled_from(blocks)),
        options={
            name: draw(option_values(option, names))
            for name, option in method.options.items()
            if draw(st.booleans())
        },
        statistics={} if method.statistics is None else {name: draw(NAMES) for name in names},
        dtype=draw(st.sampled_from([None, "float32", "bfloat16", "float16"])),
        rounding_seed=draw(st.sampled_from([None, 0, 7])),
    )


@given(recipes())
def test_json_both_ways_gives_the_same_recipe(drawn: MergeRecipe) -> None:
    assert MergeRecipe.from_json(drawn.to_json()) == drawn


def test_what_is_left_out_of_the_json_has_its_usual_value() -> None:
    text = '{"format": 2, "method": "model_stock", "base": "b", "experts": {"m": "m", "n": "n"}}'

    assert MergeRecipe.from_json(text) == MergeRecipe("model_stock", {"m": "m", "n": "n"}, base="b")


def recipe(changes: dict[str, object]) -> MergeRecipe:
    usual: dict[str, object] = {
        "format": 2,
        "method": "task_arithmetic",
        "base": "models/base",
        "experts": EXPERTS,
        "coefficients": {"films": 0.5, "mails": 0.5},
    }
    return MergeRecipe.from_json(json.dumps(usual | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "ties2"}, "unknown merge method 'ties2'; there are .*'ties'"),
        ({"dtype": "int8"}, "dtype is one of float32, bfloat16, float16; got 'int8'"),
        ({"base": None}, "task_arithmetic merges task vectors and needs the base model"),
        ({"experts": {}, "coefficients": {}}, "merges at least 1 experts, got 0"),
        (
            {"method": "model_stock", "coefficients": {}, "experts": {"m": "m"}},
            "at least 2 .*got 1",
        ),
        ({"method": "slerp", "experts": {"m": "m"}}, "slerp merges 2 experts, got 1"),
        ({"method": "sce"}, "sce takes no coefficients; leave them out"),
        ({"coefficients": {"films": 1}}, "for films, mails; got them for films"),
        ({"coefficients": {}}, "for films, mails; got them for none"),
        (
            {"coefficients": {"films": 1, "mails": {"upper": float("nan")}}},
            "'mails' in block 'upper' must be a finite number",
        ),
        ({"coefficients": {"films": 1, "mails": "1"}}, "'mails' must be a number, got '1'"),
        ({"coefficients": {"films": 1, "mails": True}}, "'mails' must be a number, got True"),
        ({"coefficients": {"films": 1, "mails": {}}}, "'mails' names no block"),
        ({"options": {"density": 0.2}}, "has no option 'density'; it has scale, normalize"),
        ({"options": {"normalize": 1}}, "'normalize' is true or false, got 1"),
        ({"options": {"scale": 11}}, "'scale' must lie between -10 and 10, got 11"),
        (
            {"method": "ties", "options": {"density": 0}},
            "the option 'density' must be larger than 0",
        ),
        (
            {"method": "ties", "options": {"density": {"films": 0.2}}},
            "'density' must be given for films, mails; got them for films",
        ),
        (
            {"method": "ties", "options": {"density": {"films": 0.2, "mails": {"upper": 2}}}},
            "'density' of 'mails' in block 'upper' must lie between 0 and 1, got 2",
        ),
        (
            {"method": "ties", "options": {"election": "none"}},
            "'election' is one of weighted, unweighted; got 'none'",
        ),
        (
            {"method": "dare_ties", "options": {"seed": 1.5}},
            "'seed' is a whole number, got 1.5",
        ),
        ({"method": "fisher"}, "fisher needs a file of fisher statistics, which must be given for"),
        ({"statistics": {"films": "f"}}, "task_arithmetic takes no statistics"),
        ({"groups": ["all"]}, "a recipe has no 'groups'; it has base, blocks"),
        ({"blocks": "all"}, 'blocks are "every_tensor"'),
        ({"format": 3}, "has format 3, this version of moopt reads 2"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_told(changes: dict[str, object], message: str) -> None:
    with pytest.raises(MergeError, match=message):
        recipe(changes)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"format": 2}',
        '{"format": 2, "method": "ties", "base": "b", "experts": 3}',
        '{"format": 2, "method": "ties", "base": "b", "experts": {}, "coefficients": 3}',
        '{"format": 2, "method": "ties", "base": "b", "experts": {}, "options": [[1]]}',
    ],
)
def test_text_that_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(MergeError, match="not a merge recipe"):
        MergeRecipe.from_json(text)
