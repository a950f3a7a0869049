from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from moopt.acquisition.maximize import Acquisition, best_untried, maximize
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.study.conditions import When
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from tests.strategies import TWO_OBJECTIVES


def closeness(target: Tensor) -> Acquisition:
    """Return the negative squared distance to a point: its maximum is known."""
    return lambda points: -(points - target).square().sum(dim=(-1, -2))


def best(
    parameters: list[Parameter],
    target: Callable[[SpaceEncoding], Tensor],
    constraints: tuple[LinearConstraint, ...] = (),
) -> Parameters:
    study = Study(
        "maximized",
        parameters=parameters,
        objectives=TWO_OBJECTIVES,
        linear_constraints=constraints,
    )
    encoding = SpaceEncoding.of(study)
    empty = torch.empty(0, encoding.width, dtype=torch.float64)
    point = maximize(
        closeness(target(encoding)), SearchBox(encoding), front=empty, tried=empty, seed=0
    )
    assert point is not None
    return encoding.decode(point)


def test_the_best_point_of_a_mixed_conditional_space_is_found() -> None:
    wanted: Parameters = {"x": 0.3, "n": 17, "c": "b", "inner": 0.8}

    found = best(
        [
            Continuous("x", 0, 1),
            Integer("n", 1, 40),
            Categorical("c", ["a", "b", "c"]),
            Continuous("inner", 0, 1, when=When("c", "b")),
        ],
        lambda encoding: encoding.encode(wanted),
    )

    assert found == {
        "x": pytest.approx(0.3, abs=1e-4),
        "n": 17,
        "c": "b",
        "inner": pytest.approx(0.8, abs=1e-4),
    }


def test_the_best_weights_are_the_projection_onto_the_simplex() -> None:
    found = best(
        [Simplex("w", ["a", "b", "c"])],
        lambda _: torch.tensor([0.8, 0.6, -1.0], dtype=torch.float64),
    )

    # The nearest point to (0.8, 0.6, -1) with c = 0 moves both others down by 0.2.
    assert found["w"] == {
        "a": pytest.approx(0.6, abs=1e-3),
        "b": pytest.approx(0.4, abs=1e-3),
        "c": pytest.approx(0.0, abs=1e-6),
    }


def test_no_more_weights_than_allowed_are_above_zero() -> None:
    found = best(
        [Simplex("w", ["a", "b", "c", "d"], max_nonzero=2)],
        lambda _: torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64),
    )

    assert found["w"] == {
        "a": 0.0,
        "b": pytest.approx(0.55, abs=1e-3),
        "c": 0.0,
        "d": pytest.approx(0.45, abs=1e-3),
    }


def test_a_linear_constraint_holds_at_the_best_point() -> None:
    found = best(
        [Continuous("a", 0, 1), Continuous("b", 0, 1)],
        lambda _: torch.tensor([1.0, 0.6], dtype=torch.float64),
        (LinearConstraint({"a": 1.0, "b": 1.0}, at_most=1.0),),
    )

    # The projection of (1, 0.6) onto a + b = 1.
    assert found == {"a": pytest.approx(0.7, abs=1e-3), "b": pytest.approx(0.3, abs=1e-3)}


def test_a_linear_constraint_holds_beside_choices() -> None:
    found = best(
        [Continuous("a", 0, 1), Categorical("c", ["x", "y", "z"]), Continuous("b", 0, 1)],
        lambda _: torch.tensor([1.0, 0.2, 0.9, 0.1, 0.6], dtype=torch.float64),
        (LinearConstraint({"a": 1.0, "b": 1.0}, at_most=1.0),),
    )

    assert found == {
        "a": pytest.approx(0.7, abs=1e-3),
        "c": "y",
        "b": pytest.approx(0.3, abs=1e-3),
    }


@pytest.mark.parametrize("parts", [2, 3, 6])
def test_the_best_weights_may_be_all_of_one_part(parts: int) -> None:
    names = [f"p{index}" for index in range(parts)]
    target = torch.full((parts,), -1.0, dtype=torch.float64)
    target[1] = 2.0

    found = best([Simplex("w", names)], lambda _: target)

    # A vertex, exactly: a weight of nearly nothing would still take a model to load.
    assert found["w"] == {name: float(name == "p1") for name in names}


def test_weights_are_exactly_zero_on_a_face() -> None:
    found = best(
        [Simplex("w", ["a", "b", "c", "d"])],
        lambda _: torch.tensor([0.8, -1.0, 0.6, -1.0], dtype=torch.float64),
    )

    assert found["w"] == {
        "a": pytest.approx(0.6, abs=1e-3),
        "b": 0.0,
        "c": pytest.approx(0.4, abs=1e-3),
        "d": 0.0,
    }


def test_twelve_columns_are_climbed_by_gradient() -> None:
    wanted = torch.linspace(0.05, 0.95, 12, dtype=torch.float64)

    found = best([Continuous(f"x{index}", 0, 1) for index in range(12)], lambda _: wanted)

    assert list(found.values()) == pytest.approx(wanted.tolist(), abs=1e-3)


def test_a_peak_beside_the_front_is_found_though_it_is_narrow() -> None:
    study = Study(
        "narrow",
        parameters=[Continuous(f"x{index}", 0, 1) for index in range(5)],
        objectives=TWO_OBJECTIVES,
    )
    box = SearchBox(SpaceEncoding.of(study))
    front = torch.full((1, 5), 0.61, dtype=torch.float64)
    peak = front + torch.tensor([0.01, 0.0, -0.02, 0.0, 0.0], dtype=torch.float64)

    def needle(points: Tensor) -> Tensor:
        return (-((points[:, 0] - peak) / 0.02).square().sum(dim=1)).exp()

    found = maximize(needle, box, front=front, tried=front, seed=0)

    assert found is not None
    assert found.tolist() == pytest.approx(peak[0].tolist(), abs=1e-3)


def test_everything_tried_leaves_nothing() -> None:
    study = Study("one", parameters=[Categorical("c", ["a", "b"])], objectives=TWO_OBJECTIVES)
    encoding = SpaceEncoding.of(study)
    tried = encoding.encode_all([{"c": "a"}, {"c": "b"}])

    found = maximize(closeness(tried[0]), SearchBox(encoding), front=tried[:1], tried=tried, seed=0)

    assert found is None


def test_what_was_tried_is_not_chosen_again() -> None:
    points = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64)
    acquisition = closeness(torch.tensor([0.4], dtype=torch.float64))

    assert best_untried(acquisition, points, points[1:2]) == points[0]
    assert best_untried(acquisition, points, points) is None
