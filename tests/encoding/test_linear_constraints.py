import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.errors import StudyError
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.conditions import When
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.study import Study
from moopt.study.validation import check_parameters
from tests.strategies import TWO_OBJECTIVES

seeds = st.integers(0, 2**31 - 1)
factors = st.sampled_from([-3.0, -1.0, -0.1, 0.5, 1.0, 2.0])


def constrained(parameters: list[Parameter], *constraints: LinearConstraint) -> Study:
    return Study(
        "constrained",
        parameters=parameters,
        objectives=TWO_OBJECTIVES,
        linear_constraints=constraints,
    )


def equal(total: float, **coefficients: float) -> LinearConstraint:
    return LinearConstraint(coefficients, at_least=total, at_most=total)


def excess(constraint: LinearConstraint, values: Parameters) -> float:
    """Return by how much a constraint is broken, for coefficients that sum to one."""
    total = constraint.value(values)
    scale = sum(abs(each) for each in constraint.coefficients.values())
    least = total if constraint.at_least is None else constraint.at_least
    most = total if constraint.at_most is None else constraint.at_most
    return max(least - total, total - most, 0.0) / scale


def columns_of(study: Study, count: int, seed: int = 0) -> torch.Tensor:
    box = SearchBox(SpaceEncoding.of(study))
    return box.to_points(box.sobol(count, seed=seed))


@st.composite
def constrained_studies(draw: st.DrawFn) -> Study:
    """Draw an equality that leaves a line at least, maybe a second row, maybe whole numbers."""
    names = [f"x{index}" for index in range(draw(st.integers(3, 5)))]
    parameters: list[Parameter] = [Continuous(name, -1.0, 3.0) for name in names]
    parameters += [Integer(f"n{index}", 0, 6) for index in range(draw(st.integers(0, 2)))]
    inside = {each.name: 1.0 for each in parameters}
    first = {each.name: draw(factors) for each in parameters}
    second = {each.name: draw(factors) for each in parameters[::2]}
    total, other = (sum(each[name] * inside[name] for name in each) for each in (first, second))
    row = draw(
        st.sampled_from(
            [
                LinearConstraint(second, at_most=other + 0.25),
                LinearConstraint(second, at_least=other - 0.25, at_most=other + 1e-6),
                LinearConstraint(second, at_least=other, at_most=other),
            ]
        )
    )
    return constrained(parameters, LinearConstraint(first, at_least=total, at_most=total), row)


@given(constrained_studies(), seeds)
@settings(max_examples=40, deadline=None)
def test_constraints_hold_to_the_ninth_digit_wherever_a_point_comes_from(
    study: Study, seed: int
) -> None:
    encoding = SpaceEncoding.of(study)
    generator = torch.Generator().manual_seed(seed)
    point = torch.rand(encoding.width, generator=generator, dtype=torch.float64)

    found = encoding.decode(point)

    check_parameters(study.parameters, study.linear_constraints, found, "the point")
    assert max(excess(each, found) for each in study.linear_constraints) <= 1e-9
    assert torch.allclose(
        encoding.encode(encoding.decode(encoding.encode(found))), encoding.encode(found), atol=1e-9
    )


@given(constrained_studies(), seeds)
@settings(max_examples=20, deadline=None, phases=[Phase.reuse, Phase.generate])
def test_proposals_under_an_equality_are_valid_and_spread(study: Study, seed: int) -> None:
    candidates = QuasiRandomSampler().propose(study, [], 8, seed)

    broken = [
        excess(constraint, each.parameters)
        for each in candidates
        for constraint in study.linear_constraints
    ]
    points = SpaceEncoding.of(study).encode_all([each.parameters for each in candidates])
    assert max(broken) <= 1e-9
    assert len(candidates) == 8
    # What the constraints leave may be small.
    assert float(points.std(dim=0).max()) > 0.01


def test_the_nearest_point_on_a_plane_is_taken() -> None:
    encoding = SpaceEncoding.of(
        constrained([Continuous("x", 0, 1), Continuous("y", 0, 1)], equal(1.0, x=1, y=1))
    )

    found = encoding.decode(torch.tensor([1.0, 0.8], dtype=torch.float64))

    # Both move down by the same 0.4.
    assert found == {"x": pytest.approx(0.6), "y": pytest.approx(0.4)}


def test_the_nearest_point_keeps_to_the_bounds() -> None:
    encoding = SpaceEncoding.of(
        constrained(
            [Continuous("x", 0, 1), Continuous("y", 0, 1), Continuous("z", 0, 1)],
            equal(1.0, x=1, y=1, z=1),
        )
    )

    found = encoding.decode(torch.tensor([1.0, 0.8, 0.0], dtype=torch.float64))

    # On the plane alone z would be -0.27; with z = 0 both others move down by the same 0.4.
    assert found == {"x": pytest.approx(0.6), "y": pytest.approx(0.4), "z": pytest.approx(0.0)}


def test_points_under_an_equality_are_uniform_over_what_it_leaves() -> None:
    names = ["a", "b", "c", "d"]
    study = constrained(
        [Continuous(name, 0, 1) for name in names],
        LinearConstraint(dict.fromkeys(names, 1.0), at_least=1.0, at_most=1.0),
    )

    points = columns_of(study, 4096)

    # Of the flat Dirichlet distribution with four parts: mean 1/4, variance 3/80.
    assert torch.allclose(points.sum(dim=1), torch.ones(4096).double())
    assert torch.allclose(points.mean(0), torch.full((4,), 1 / 4).double(), atol=1e-2)
    assert torch.allclose(points.var(0), torch.full((4,), 3 / 80).double(), atol=2e-3)


def test_two_inequalities_that_leave_no_room_are_an_equality() -> None:
    study = constrained(
        [Continuous("x", 0, 1), Continuous("y", 0, 1)],
        LinearConstraint({"x": 1, "y": 1}, at_least=1.0),
        LinearConstraint({"x": 1, "y": 1}, at_most=1.0),
    )

    points = columns_of(study, 256)

    # Uniform on a line: x has mean 1/2 and variance 1/12.
    assert points[:, 0].mean() == pytest.approx(1 / 2, abs=0.03)
    assert points[:, 0].var() == pytest.approx(1 / 12, abs=0.01)


def test_a_narrow_corner_of_many_dimensions_is_covered() -> None:
    names = [f"x{index}" for index in range(10)]
    study = constrained(
        [Continuous(name, 0, 1) for name in names],
        LinearConstraint(dict.fromkeys(names, 1.0), at_most=1.0),
    )

    points = columns_of(study, 1024)

    # One in 10! points of the cube is within; there every coordinate has mean 1/11.
    assert (points.sum(dim=1) <= 1 + 1e-9).all()
    assert torch.allclose(points.mean(0), torch.full((10,), 1 / 11).double(), atol=0.02)


def test_a_limit_that_chance_meets_often_leaves_the_points_to_chance() -> None:
    parameters: list[Parameter] = [Continuous("x", 0, 1), Continuous("y", 0, 1)]
    limited = constrained(parameters, LinearConstraint({"x": 1, "y": 1}, at_most=1.5))

    assert torch.equal(columns_of(limited, 64), columns_of(constrained(parameters), 64))


def test_whole_numbers_stay_whole_and_continuous_parameters_make_up_for_them() -> None:
    study = constrained(
        [Integer("n", 0, 5), Continuous("x", 0, 1), Continuous("y", 0, 2)],
        equal(4.0, n=1, x=1, y=1),
    )

    found = [each.parameters for each in QuasiRandomSampler().propose(study, [], 32, seed=0)]

    # With n = 0 there is no room, with n = 5 there is too much.
    assert {each["n"] for each in found} == {1, 2, 3, 4}
    assert max(excess(study.linear_constraints[0], each) for each in found) <= 1e-9


def test_whole_numbers_meet_an_equality_that_few_of_them_meet() -> None:
    parameters: list[Parameter] = [Integer(name, 0, 9) for name in "abc"]
    study = constrained(parameters, equal(52.0, a=3, b=5, c=7))

    candidates = QuasiRandomSampler().propose(study, [], 9, seed=0)

    whole = {(a, b, c) for a in range(10) for b in range(10) for c in range(10)}
    solutions = {each for each in whole if 3 * each[0] + 5 * each[1] + 7 * each[2] == 52}
    found = {tuple(each.parameters.values()) for each in candidates}
    assert len(found) == 9
    assert found <= solutions


def test_a_neighbour_under_an_equality_is_met_by_the_others() -> None:
    study = constrained([Integer(name, 0, 6) for name in "abc"], equal(6.0, a=1, b=1, c=1))
    encoding = SpaceEncoding.of(study)
    box = SearchBox(encoding)
    row = box.from_points(encoding.encode({"a": 2, "b": 2, "c": 2})[None])[0]

    found = [encoding.decode(point) for point in box.to_points(box.neighbours(row))]

    assert {each["a"] for each in found} == {0, 1, 2, 3, 4, 5, 6}
    assert {sum(int(str(value)) for value in each.values()) for each in found} == {6}


def test_a_condition_looks_at_the_whole_number_that_the_constraint_leaves() -> None:
    study = constrained(
        [
            Integer("n", 0, 1),
            Continuous("x", 0, 1),
            Categorical("c", ["a", "b"], when=When("n", 1)),
        ],
        equal(1.0, n=1),
    )

    found = SpaceEncoding.of(study).decode(torch.full((4,), 0.1, dtype=torch.float64))

    assert found == {"n": 1, "x": pytest.approx(0.1), "c": "a"}


@pytest.mark.parametrize(
    "constraint",
    [equal(3.0, n=2), LinearConstraint({"n": 1, "m": 1}, at_least=2.2, at_most=2.8)],
    ids=["odd", "between"],
)
def test_constraints_that_no_whole_numbers_meet_are_refused(constraint: LinearConstraint) -> None:
    study = constrained([Integer("n", 0, 5), Integer("m", 0, 5)], constraint)

    with pytest.raises(StudyError, match="satisfy all 1 linear constraints together"):
        SpaceEncoding.of(study)
