from collections.abc import Callable

import pytest
import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.models.deterministic import GenericDeterministicModel
from torch import Tensor

from moopt.acquisition.maximize import best_untried, maximize
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.study.conditions import When
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from tests.strategies import TWO_OBJECTIVES

NOTHING_TRIED = torch.empty(0, 0, dtype=torch.float64)


class Closeness(AcquisitionFunction):
    """The negative squared distance to a point: its maximum is known."""

    def __init__(self, target: Tensor) -> None:
        super().__init__(model=GenericDeterministicModel(lambda rows: rows))
        self.target = target

    def forward(self, points: Tensor) -> Tensor:
        return -(points - self.target).square().sum(dim=(-1, -2))


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
        Closeness(target(encoding)), SearchBox(encoding), front=empty, tried=empty, seed=0
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


def test_what_was_tried_is_not_chosen_again() -> None:
    points = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64)
    acquisition = Closeness(torch.tensor([0.4], dtype=torch.float64))

    assert best_untried(acquisition, points, points[1:2]) == points[0]
    assert best_untried(acquisition, points, points) is None
