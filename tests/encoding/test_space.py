import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.errors import StudyError
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Continuous, Integer, Parameters, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.validation import check_parameters
from tests.strategies import TWO_OBJECTIVES, studies

seeds = st.integers(0, 2**31 - 1)


def assert_valid(study: Study, parameters: Parameters) -> None:
    check_parameters(study.parameters, study.linear_constraints, parameters, "the point")


def close(first: Value, second: Value) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)
    return first == second


@given(studies(), seeds)
@settings(max_examples=60, deadline=None)
def test_any_point_of_the_cube_decodes_to_valid_parameters(study: Study, seed: int) -> None:
    encoding = SpaceEncoding.of(study)
    generator = torch.Generator().manual_seed(seed)
    point = torch.rand(encoding.width, generator=generator, dtype=torch.float64)

    assert_valid(study, encoding.decode(point))


@given(studies(), seeds)
@settings(max_examples=60, deadline=None)
def test_what_was_encoded_decodes_to_itself(study: Study, seed: int) -> None:
    encoding = SpaceEncoding.of(study)
    generator = torch.Generator().manual_seed(seed)
    point = torch.rand(encoding.width, generator=generator, dtype=torch.float64)
    parameters = encoding.decode(point)

    again = encoding.decode(encoding.encode(parameters))

    assert again.keys() == parameters.keys()
    assert all(close(again[name], parameters[name]) for name in parameters)
    assert (encoding.encode(parameters) >= 0).all()
    assert (encoding.encode(parameters) <= 1).all()


@given(studies(), seeds)
@settings(max_examples=40, deadline=None)
def test_the_search_box_shows_the_surrogate_what_decoding_and_encoding_gives(
    study: Study, seed: int
) -> None:
    encoding = SpaceEncoding.of(study)
    box = SearchBox(encoding)
    free = SearchBox(
        SpaceEncoding.of(Study("free", parameters=study.parameters, objectives=TWO_OBJECTIVES))
    )

    rows = free.sobol(16, seed=seed)

    shown = free.to_points(rows)
    again = free.encoding.encode_all([free.encoding.decode(point) for point in shown])
    assert torch.allclose(shown, again, atol=1e-9)
    assert torch.allclose(free.to_points(free.from_points(shown)), shown, atol=1e-7)
    assert box.width == free.width


@given(studies(), seeds)
@settings(max_examples=30, deadline=None)
def test_neighbours_differ_and_are_valid(study: Study, seed: int) -> None:
    encoding = SpaceEncoding.of(
        Study("free", parameters=study.parameters, objectives=TWO_OBJECTIVES)
    )
    box = SearchBox(encoding)
    row = box.sobol(1, seed=seed)[0]

    neighbours = box.neighbours(row)

    assert len(neighbours) > 0
    assert (neighbours != row).any(dim=-1).all()
    assert torch.allclose(box.snap(neighbours), neighbours)


def test_sobol_points_of_a_simplex_are_uniform_over_it() -> None:
    study = Study("mixture", parameters=[Simplex("w", ["a", "b", "c"])], objectives=TWO_OBJECTIVES)
    box = SearchBox(SpaceEncoding.of(study))

    weights = box.to_points(box.sobol(4096, seed=0))

    # Of the flat Dirichlet distribution with three parts: mean 1/3, variance 1/18.
    assert torch.allclose(weights.mean(0), torch.full((3,), 1 / 3).double(), atol=2e-3)
    assert torch.allclose(weights.var(0), torch.full((3,), 1 / 18).double(), atol=2e-3)


def test_weights_have_a_gradient_with_respect_to_the_sticks() -> None:
    simplex = Simplex("w", ["a", "b", "c"], low={"a": 0.1}, high=0.7)
    study = Study("mixture", parameters=[simplex], objectives=TWO_OBJECTIVES)
    box = SearchBox(SpaceEncoding.of(study))
    inside = torch.tensor([[0.4, 0.3]], dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(box.to_points, inside)


def test_a_whole_number_is_as_likely_as_any_other() -> None:
    study = Study("whole", parameters=[Integer("n", 1, 4)], objectives=TWO_OBJECTIVES)
    encoding = SpaceEncoding.of(study)
    box = SearchBox(encoding)

    values = [encoding.decode(point)["n"] for point in box.to_points(box.sobol(256, seed=1))]

    assert [values.count(each) for each in (1, 2, 3, 4)] == [64, 64, 64, 64]


def test_linear_constraints_that_exclude_each_other_are_refused() -> None:
    study = Study(
        "empty",
        parameters=[Continuous("a", 0, 1), Continuous("b", 0, 1)],
        objectives=TWO_OBJECTIVES,
        linear_constraints=[
            LinearConstraint({"a": 1, "b": 1}, at_most=0.5),
            LinearConstraint({"a": 1, "b": 1}, at_least=1.5),
        ],
    )

    with pytest.raises(StudyError, match="satisfy all 2 linear constraints together"):
        SpaceEncoding.of(study)
