import pytest
import torch
from torch import Tensor

from moopt.acquisition.climbing import Climbed, climb
from moopt.acquisition.maximize import Acquisition, maximize
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.study.conditions import When
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from tests.strategies import TWO_OBJECTIVES


def found_best(acquisition: Acquisition, study: Study, seed: int = 0) -> Parameters:
    encoding = SpaceEncoding.of(study)
    nothing = torch.empty(0, encoding.width, dtype=torch.float64)
    point = maximize(acquisition, SearchBox(encoding), front=nothing, tried=nothing, seed=seed)
    assert point is not None
    return encoding.decode(point)


def test_a_corner_is_proposed_though_the_weights_around_it_are_worse() -> None:
    study = Study(
        "mixture", parameters=[Simplex("w", ["a", "b", "c", "d"])], objectives=TWO_OBJECTIVES
    )

    def merged(points: Tensor) -> Tensor:
        return points[:, 0].square().sum(dim=1) - 0.5 * (points[:, 0] > 0).sum(dim=1)

    found = found_best(merged, study)["w"]

    assert isinstance(found, dict)
    assert sorted(found.values()) == [0.0, 0.0, 0.0, 1.0]


def test_parts_that_only_disturb_are_left_out_one_after_the_other() -> None:
    # Each part in use costs a little, which no gradient tells; a and b are wanted half and half.
    study = Study(
        "mixture", parameters=[Simplex("w", ["a", "b", "c", "d", "e"])], objectives=TWO_OBJECTIVES
    )
    wanted = torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0], dtype=torch.float64)

    def merged(points: Tensor) -> Tensor:
        distance = (points[:, 0] - wanted).square().sum(dim=1)
        return -distance - 0.1 * (points[:, 0] > 0).sum(dim=1)

    half = pytest.approx(0.5, abs=1e-3)
    assert found_best(merged, study) == {"w": {"a": half, "b": half, "c": 0.0, "d": 0.0, "e": 0.0}}


def test_the_gradient_goes_on_where_a_step_has_led() -> None:
    # The best x moves with the choice: 0.1 at a, 0.5 at b, 0.9 at c, which is best by far.
    study = Study(
        "alternating",
        parameters=[Categorical("c", ["a", "b", "c"]), Continuous("x", 0, 1)],
        objectives=TWO_OBJECTIVES,
    )
    encoding = SpaceEncoding.of(study)
    front = encoding.encode({"c": "a", "x": 0.1})[None]

    def tilted(points: Tensor) -> Tensor:
        choice = points[:, 0, :3] @ torch.tensor([0.0, 1.0, 2.0]).double()
        return choice - 4 * (points[:, 0, 3] - 0.1 - 0.4 * choice).square()

    found = maximize(tilted, SearchBox(encoding), front=front, tried=front, seed=0)

    assert found is not None
    assert encoding.decode(found) == {"c": "c", "x": pytest.approx(0.9, abs=1e-4)}


def test_children_that_begin_to_count_are_as_good_as_they_were_elsewhere() -> None:
    study = Study(
        "children",
        parameters=[
            Categorical("c", ["a", "b"]),
            *(Continuous(f"x{index}", 0, 1, when=When("c", "b")) for index in range(3)),
        ],
        objectives=TWO_OBJECTIVES,
    )
    encoding = SpaceEncoding.of(study)
    box = SearchBox(encoding)
    good: Parameters = {"c": "b", "x0": 0.9, "x1": 0.1, "x2": 0.8}
    start, known = box.from_points(encoding.encode_all([{"c": "a"}, good]))
    wanted = encoding.encode(good)[2:]

    def height(rows: Tensor) -> Tensor:
        # At b with all children in the middle, 1 - 20 * 0.41 = -7.2; at a, 0.
        points = box.to_points(rows)[:, 0]
        return points[:, 1] * (1.0 - 20.0 * (points[:, 2:] - wanted).square().sum(dim=1))

    climbed = climb(height, box, Climbed.at(height, start[None]), known[None])

    assert float(climbed.heights.max()) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_point_under_an_equality_is_its_projection(seed: int) -> None:
    study = Study(
        "equality",
        parameters=[Continuous(name, 0, 1) for name in "abc"],
        objectives=TWO_OBJECTIVES,
        linear_constraints=[
            LinearConstraint({"a": 1.0, "b": 1.0, "c": 1.0}, at_least=1.0, at_most=1.0)
        ],
    )
    target = torch.tensor([0.9, 0.7, 0.1], dtype=torch.float64)

    found = found_best(lambda points: -(points[:, 0] - target).square().sum(dim=1), study, seed)

    # On the plane c would be -0.13; with c = 0 both others move down by 0.3.
    assert list(found.values()) == pytest.approx([0.6, 0.4, 0.0], abs=1e-3)
    assert study.linear_constraints[0].value(found) == pytest.approx(1.0, abs=1e-9)


def test_whole_numbers_and_an_equality_are_searched_together() -> None:
    study = Study(
        "tied",
        parameters=[
            Integer("n", 0, 4),
            Integer("m", 0, 40),
            Continuous("x", 0, 10),
            Categorical("c", ["a", "b"]),
        ],
        objectives=TWO_OBJECTIVES,
        linear_constraints=[
            LinearConstraint({"n": 1.0, "m": 1.0, "x": 1.0}, at_least=30.0, at_most=30.0)
        ],
    )
    target = SpaceEncoding.of(study).encode({"n": 3, "m": 20, "x": 7.0, "c": "b"})

    found = found_best(lambda points: -(points[:, 0] - target).square().sum(dim=1), study)

    assert found == {"n": 3, "m": 20, "x": pytest.approx(7.0, abs=1e-6), "c": "b"}
