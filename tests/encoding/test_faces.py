import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.encoding.faces import corners, single_faces, smaller_faces
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.encoding.weights import nearest_weights
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.validation import check_parameters
from tests.strategies import TWO_OBJECTIVES, simplexes


def encoding_of(simplex: Simplex) -> SpaceEncoding:
    return SpaceEncoding.of(Study("face", parameters=[simplex], objectives=TWO_OBJECTIVES))


def test_the_smallest_parts_go_first() -> None:
    simplex = Simplex("w", ["a", "b", "c"])

    faces = list(smaller_faces(simplex, [0.5, 0.1, 0.4]))

    # Without b, 0.5 and 0.4 are scaled to sum to one; without b and c, a is alone.
    assert faces == [[pytest.approx(5 / 9), 0.0, pytest.approx(4 / 9)], [1.0, 0.0, 0.0]]


def test_each_part_is_left_out_once() -> None:
    simplex = Simplex("w", ["a", "b", "c"])

    faces = list(single_faces(simplex, [0.5, 0.25, 0.25]))

    assert faces == [
        [pytest.approx(2 / 3), 0.0, pytest.approx(1 / 3)],
        [pytest.approx(2 / 3), pytest.approx(1 / 3), 0.0],
        [0.0, 0.5, 0.5],
    ]


def test_a_part_that_must_be_in_use_goes_to_its_lower_bound() -> None:
    simplex = Simplex("w", ["a", "b", "c"], low={"b": 0.125})

    faces = list(smaller_faces(simplex, [0.5, 0.25, 0.25]))

    assert faces[0] == [pytest.approx(0.875 * 2 / 3), 0.125, pytest.approx(0.875 / 3)]
    assert faces[1] == [0.875, 0.125, 0.0]


def test_corners_are_each_part_alone() -> None:
    simplex = Simplex("w", ["a", "b", "c"])

    assert list(corners(simplex, [0.2, 0.3, 0.5])) == [
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
    ]


def test_corners_under_an_upper_bound_add_the_largest_other_parts() -> None:
    simplex = Simplex("w", ["a", "b", "c"], high=0.75)

    assert list(corners(simplex, [0.2, 0.3, 0.5])) == [
        [0.75, 0.0, 0.25],
        [0.0, 0.75, 0.25],
        [0.0, 0.25, 0.75],
    ]


def test_no_face_is_left_where_the_upper_bounds_need_every_part() -> None:
    simplex = Simplex("w", ["a", "b"], high=0.5)

    assert list(single_faces(simplex, [0.5, 0.5])) == []


@given(simplexes("w"), st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_faces_and_corners_are_proposed_exactly_as_they_are(simplex: Simplex, seed: int) -> None:
    encoding = encoding_of(simplex)
    box = SearchBox(encoding)
    weights = box.to_points(box.sobol(1, seed=seed))[0].tolist()
    found = [
        nearest_weights(simplex, each)
        for others in (smaller_faces, single_faces, corners)
        for each in others(simplex, weights)
    ]
    assert found
    points = torch.tensor(found, dtype=torch.float64)

    decoded = [encoding.decode(point) for point in box.to_points(box.from_points(points))]

    for parameters in decoded:
        check_parameters(encoding.study.parameters, (), parameters, "the face")
    again = encoding.encode_all(decoded)
    assert torch.equal(again == 0.0, points == 0.0)
    assert torch.allclose(again, points, atol=1e-9)
