"""Encodings of spaces: only numbers, and one of every kind with conditions."""

from moopt.encoding.space import SpaceEncoding
from moopt.study.conditions import When
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.surrogates.features import Features
from tests.strategies import TWO_OBJECTIVES


def encoding_of(*parameters: Parameter) -> SpaceEncoding:
    return SpaceEncoding.of(Study("space", parameters=parameters, objectives=TWO_OBJECTIVES))


def numbers(count: int) -> Features:
    return Features.of(encoding_of(*(Continuous(f"x{index}", 0, 1) for index in range(count))))


MIXED = encoding_of(
    Continuous("x", 0, 1),
    Categorical("kind", ["a", "b", "c"]),
    Continuous("rate", 0, 1, when=When("kind", "b")),
    Integer("depth", 1, 9, when=When("kind", ["b", "c"])),
    Categorical("colour", ["red", "blue"], when=When("kind", "c")),
    Categorical("size", ["s", "m", "l"], ordered=True),
    Simplex("weights", ["u", "v", "w"]),
)
