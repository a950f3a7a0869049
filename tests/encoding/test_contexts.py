import math

import pytest
import torch

from moopt.encoding.contexts import Contexts
from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError
from moopt.study.conditions import Choice, When
from moopt.study.objectives import LinearConstraint, Maximize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.study import Study

X = Continuous("x", 0, 1)
FOLD = Categorical("fold", ["a", "b", "c"])


def encoding_of(*parameters: Parameter) -> SpaceEncoding:
    return SpaceEncoding.of(
        Study("s", parameters=parameters, objectives=[Objective("f", Maximize)])
    )


def test_every_point_is_put_into_every_context() -> None:
    encoding = encoding_of(X, FOLD)
    contexts = Contexts.of(encoding, "fold", {"a": 1, "c": 3})
    points = encoding.encode_all([{"x": 0.25, "fold": "b"}, {"x": 0.5, "fold": "a"}])

    everywhere = contexts.over(points)

    assert contexts.weights.tolist() == [0.25, 0.0, 0.75]
    assert [[encoding.decode(row) for row in rows] for rows in everywhere] == [
        [{"x": x, "fold": fold} for fold in "abc"] for x in (0.25, 0.5)
    ]


def test_candidates_are_the_same_whatever_their_context() -> None:
    encoding = encoding_of(Integer("fold", 1, 3), X)
    contexts = Contexts.of(encoding, "fold")
    points = encoding.encode_all([{"x": x, "fold": fold} for x in (0.5, 0.25) for fold in (1, 3)])

    different = contexts.without(points)

    assert [encoding.decode(each) for each in different] == [
        {"fold": 1, "x": 0.25},
        {"fold": 1, "x": 0.5},
    ]


def test_slopes_go_through_the_columns_that_are_no_context() -> None:
    encoding = encoding_of(X, FOLD)
    points = encoding.encode_all([{"x": 0.25, "fold": "b"}]).requires_grad_()

    (slopes,) = torch.autograd.grad(Contexts.of(encoding, "fold").over(points).sum(), points)

    assert slopes.tolist() == [[3.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("parameters", "name", "message"),
    [
        ([X, FOLD], "seed", "'seed' is no parameter of study 's'"),
        ([X, FOLD], "x", "categorical or integer parameter with 2 to 64 values, it is Continuous"),
        ([X, Integer("fold", 1, 100)], "fold", "2 to 64 values, it is Integer with 100"),
        ([FOLD], "fold", "a parameter beside others"),
        ([X, FOLD, Continuous("y", 0, 1, when=When("fold", "a"))], "fold", r"look at \['y'\]"),
    ],
)
def test_what_cannot_be_a_context_is_an_error(
    parameters: list[Parameter], name: str, message: str
) -> None:
    with pytest.raises(SelectionError, match=message):
        Contexts.of(encoding_of(*parameters), name)


def test_a_context_that_a_linear_constraint_ties_is_an_error() -> None:
    study = Study(
        "s",
        parameters=[X, Integer("fold", 1, 3)],
        objectives=[Objective("f", Maximize)],
        linear_constraints=[LinearConstraint({"x": 1, "fold": 1}, at_most=3)],
    )

    with pytest.raises(SelectionError, match=r"linear constraints on it; look at \['fold'\]"):
        Contexts.of(SpaceEncoding.of(study), "fold")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": 1.0, "d": 1.0}, r"\['d'\], which 'fold' cannot be"),
        ({"a": 0.0}, "numbers from 0 on, one of them above 0"),
        ({"a": -1.0, "b": 2.0}, "numbers from 0 on"),
        ({"a": math.nan}, "numbers from 0 on"),
    ],
)
def test_weights_that_are_none_are_an_error(weights: dict[Choice, float], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        Contexts.of(encoding_of(X, FOLD), "fold", weights)
