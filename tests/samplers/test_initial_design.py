"""What is tried before there is a model."""

from collections.abc import Sequence

import pytest

from moopt import (
    Categorical,
    Continuous,
    Integer,
    LinearConstraint,
    Minimize,
    Objective,
    Simplex,
    Study,
    When,
)
from moopt.samplers.history import key
from moopt.samplers.quasi_random import QuasiRandomSampler, initial_design
from moopt.study.parameters import Parameter
from moopt.study.trials import Trial

OBJECTIVES = [Objective("a", Minimize), Objective("b", Minimize)]


def study_of(*parameters: Parameter, limits: Sequence[LinearConstraint] = ()) -> Study:
    return Study("s", parameters=list(parameters), objectives=OBJECTIVES, linear_constraints=limits)


MIXED = study_of(
    Continuous("rate", 1e-4, 1e-2, log=True),
    Continuous("decay", 0.0, 0.3),
    Integer("depth", 1, 9),
    Categorical("width", [16, 32, 64], ordered=True),
    Simplex("mix", ["a", "b", "c", "d"]),
    Categorical("optimizer", ["adamw", "lion", "sgd"]),
)


def test_the_middle_of_every_scale_comes_first() -> None:
    first, *others = initial_design(MIXED, [], 4, seed=3)

    assert first.sampler == "centre"
    assert first.parameters["rate"] == pytest.approx(1e-3)
    assert first.parameters["decay"] == pytest.approx(0.15)
    assert (first.parameters["depth"], first.parameters["width"]) == (5, 32)
    assert first.parameters["mix"] == pytest.approx(dict.fromkeys("abcd", 0.25))
    assert [each.sampler for each in others] == ["sobol"] * 3


def test_choices_without_an_order_are_those_of_the_sequence() -> None:
    for seed in range(10):
        (first,) = initial_design(MIXED, [], 1, seed)
        (spread,) = QuasiRandomSampler().propose(MIXED, [], 1, seed)
        assert first.parameters["optimizer"] == spread.parameters["optimizer"]

    only = study_of(Categorical("optimizer", ["adamw", "lion", "sgd"]))
    assert initial_design(only, [], 2, seed=0) == QuasiRandomSampler().propose(only, [], 2, seed=0)


def test_once_anything_was_tried_the_sequence_goes_on() -> None:
    trials = [Trial(0, {"x": 0.7})]
    study = study_of(Continuous("x", 0.0, 1.0))

    expected = QuasiRandomSampler().propose(study, trials, 3, seed=0)
    assert initial_design(study, trials, 3, seed=0) == expected


def test_a_condition_that_does_not_hold_in_the_middle_leaves_its_parameter_out() -> None:
    shallow = When("depth", [1, 2, 3])
    study = study_of(Integer("depth", 1, 9), Continuous("rate", 0.0, 1.0, when=shallow))

    assert initial_design(study, [], 1, seed=0)[0].parameters == {"depth": 5}


def test_the_middle_meets_linear_constraints() -> None:
    names = [f"share{place}" for place in range(4)]
    limit = LinearConstraint(dict.fromkeys(names, 1.0), at_most=1.0)
    study = study_of(*(Continuous(name, 0.0, 1.0) for name in names), limits=[limit])

    (first,) = initial_design(study, [], 1, seed=0)

    assert first.parameters == pytest.approx(dict.fromkeys(names, 0.25))


@pytest.mark.parametrize("count", range(1, 10))
def test_nothing_is_proposed_twice(count: int) -> None:
    study = study_of(Integer("n", 1, 3), Integer("m", 1, 3))

    design = initial_design(study, [], count, seed=1)

    assert design[0].parameters == {"n": 2, "m": 2}
    assert len({key(each.parameters) for each in design}) == len(design) == count
