from moopt.encoding.enumeration import all_parameters
from moopt.study.conditions import When
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from tests.strategies import TWO_OBJECTIVES


def discrete(parameters: list[Parameter], *constraints: LinearConstraint) -> Study:
    return Study(
        "discrete",
        parameters=parameters,
        objectives=TWO_OBJECTIVES,
        linear_constraints=constraints,
    )


def test_inactive_parameters_have_no_value() -> None:
    study = discrete([Integer("inner", 0, 1, when=When("c", "b")), Categorical("c", ["a", "b"])])

    assert all_parameters(study, 9) == [
        {"c": "a"},
        {"inner": 0, "c": "b"},
        {"inner": 1, "c": "b"},
    ]


def test_one_more_than_the_limit_is_too_many() -> None:
    study = discrete([Integer("n", 1, 10)])

    assert len(all_parameters(study, 10) or []) == 10
    assert all_parameters(study, 9) is None


def test_a_continuous_parameter_cannot_be_enumerated() -> None:
    assert all_parameters(discrete([Continuous("x", 0, 1)]), 9) is None


def test_a_simplex_with_one_part_in_use_is_a_choice() -> None:
    study = discrete([Simplex("w", ["a", "b", "c"], high={"c": 0.5}, max_nonzero=1)])

    assert all_parameters(study, 9) == [
        {"w": {"a": 1.0, "b": 0.0, "c": 0.0}},
        {"w": {"a": 0.0, "b": 1.0, "c": 0.0}},
    ]


def test_few_solutions_among_many_combinations_are_found_without_trying_them_all() -> None:
    # Of 11^12 combinations 12 sum to one.
    names = [f"n{index}" for index in range(12)]
    study = discrete(
        [Integer(name, 0, 10) for name in names],
        LinearConstraint(dict.fromkeys(names, 1.0), at_least=1.0, at_most=1.0),
    )

    found = all_parameters(study, 100)

    one = [{name: int(name == other) for name in names} for other in reversed(names)]
    assert found == one


def test_too_many_dead_ends_count_as_too_many_points() -> None:
    # Nothing tells before the last two parameters that an even sum cannot be odd.
    names = [f"n{index}" for index in range(12)]
    study = discrete(
        [Integer(name, 0, 10) for name in names],
        LinearConstraint(dict.fromkeys(names, 2.0), at_least=61.0, at_most=63.0),
    )

    assert all_parameters(study, 10) is None
