import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import MergeError
from moopt.merging.mergekit_values import conditions, depths, first_that_fits, read_setting
from tests.merging.drawn_recipes import TENSORS


def value(content: object, tensor: str = "layers.0.mlp", depth: float = 0.0) -> object:
    return first_that_fits([read_setting("weight", content)], tensor, depth)


def test_depth_runs_from_the_first_layer_to_the_last_and_is_0_elsewhere() -> None:
    found = depths(["embed", "layers.0.w", "layers.1.w", "layers.2.w", "norm", "head"])

    assert found == {
        "embed": 0.0,
        "layers.0.w": 0.0,
        "layers.1.w": 0.5,
        "layers.2.w": 1.0,
        "norm": 0.0,
        "head": 0.0,
    }


def test_each_stack_has_its_own_depth_and_a_single_layer_is_at_its_end() -> None:
    found = depths(["encoder.block.0.w", "encoder.block.2.w", "decoder.block.0.w"])

    assert found == {"encoder.block.0.w": 0.0, "encoder.block.2.w": 1.0, "decoder.block.0.w": 1.0}


@pytest.mark.parametrize(
    ("depth", "expected"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 0.75), (1.0, 0.5)]
)
def test_a_list_is_interpolated_along_the_depth(depth: float, expected: float) -> None:
    assert value([0, 1, 0.5], depth=depth) == expected


def test_a_list_of_one_is_the_same_everywhere() -> None:
    assert value([0.3], depth=0.7) == 0.3


def test_words_are_not_interpolated() -> None:
    assert [value([True, False], depth=depth) for depth in (0.0, 0.9, 1.0)] == [True, True, False]


def test_the_first_condition_that_fits_counts() -> None:
    content = [
        {"filter": "layers.1", "value": 1},
        {"filter": "mlp", "value": [0, 4]},
        {"value": 3},
        {"filter": "head", "value": 5},
    ]

    assert value(content, "layers.1.mlp") == 1
    assert value(content, "layers.11.mlp") == 1  # a part of a name is a part of a name
    assert value(content, "layers.2.mlp", 0.5) == 2
    assert value(content, "head") == 3


def test_a_star_fits_every_name() -> None:
    assert value({"filter": "*", "value": 2}, "head") == 2


def test_what_no_condition_fits_is_looked_for_further_up() -> None:
    own = read_setting("weight", [{"filter": "mlp", "value": 1}])
    shared = read_setting("weight", 2)

    assert first_that_fits([own, shared], "layers.0.mlp", 0.0) == 1
    assert first_that_fits([own, shared], "head", 0.0) == 2
    assert first_that_fits([own], "head", 0.0) is None
    assert first_that_fits([read_setting("weight", []), shared], "head", 0.0) == 2


def test_a_number_as_text_is_a_number_as_yaml_1_1_writes_them() -> None:
    assert value("1e-5") == 1e-5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"filter": "mlp", "values": 1}], "weight lists conditions such as"),
        ([{"filter": 3, "value": 1}], "a filter of weight is a part of a tensor's name, got 3"),
        ([{"value": []}], "a list of numbers along the depth"),
        ([[1, 2]], "a list of numbers along the depth"),
        (None, "a list of numbers along the depth"),
        ([{"value": 1}, 2], "weight lists conditions such as .*; got 2"),
    ],
)
def test_what_is_no_setting_is_refused(content: object, message: str) -> None:
    with pytest.raises(MergeError, match=message):
        read_setting("weight", content)


def test_one_value_needs_no_names() -> None:
    assert conditions({"a": 1.0, "b": 1.0}) == [(None, 1.0)]


def test_a_layer_is_named_once_and_its_tensors_where_they_differ() -> None:
    values = {
        "embed": 1.0,
        "layers.0.a": 2.0,
        "layers.0.b": 2.0,
        "layers.1.a": 2.0,
        "layers.1.b": 3.0,
    }

    assert conditions(values) == [
        ("embed", 1.0),
        ("layers.0.", 2.0),
        ("layers.1.a", 2.0),
        ("layers.1.b", 3.0),
        (None, 2.0),
    ]


def test_a_name_within_another_comes_after_it() -> None:
    values = {"layers.0.w": 1.0, "vision.layers.0.w": 2.0, "head": 1.0, "lm_head": 2.0}

    found = [part for part, _ in conditions(values)]

    assert found.index("vision.layers.0.") < found.index("layers.0.")
    assert found.index("lm_head") < found.index("head")


def test_a_tensor_whose_name_holds_two_layers_is_named_in_full() -> None:
    values = {"layers.0.layers.1.w": 1.0, "layers.1.layers.0.w": 2.0, "layers.0.w": 1.0}

    read = read_setting("x", [{"filter": p, "value": v} for p, v in conditions(values) if p])

    assert {name: first_that_fits([read], name, 0.0) for name in values} == values


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2), min_size=len(TENSORS), max_size=len(TENSORS)))
def test_conditions_say_the_value_of_every_tensor(drawn: list[int]) -> None:
    values = dict(zip(TENSORS, map(float, drawn), strict=True))

    written = [
        {"value": number} if part is None else {"filter": part, "value": number}
        for part, number in conditions(values)
    ]

    read = read_setting("x", written)
    assert {name: first_that_fits([read], name, 0.5) for name in values} == values
