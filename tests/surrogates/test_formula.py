import pytest
import torch

from moopt.encoding.space import SpaceEncoding
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.surrogates.formula import CERTAINTY, Formula

STUDY = Study(
    "computed",
    parameters=[Continuous("x", 0, 1), Continuous("y", 0, 1)],
    objectives=[
        Objective("a", Maximize),
        Objective("size", Minimize, formula=lambda p: p["x"] ** 2 + 3 * p["y"]),
    ],
)
ENCODING = SpaceEncoding.of(STUDY)
POINTS = torch.tensor([[0.5, 0.25], [0.0, 1.0]], dtype=torch.float64)
SIZE = Formula.of(ENCODING, STUDY.objectives[1], POINTS)


def test_a_formula_is_exact_and_has_its_own_gradient() -> None:
    points = POINTS.clone().requires_grad_()

    values = SIZE.compute(points)
    values.sum().backward()

    # Minimized, hence negated: -(x² + 3y), with slopes -2x and -3.
    assert values[:, 0].tolist() == pytest.approx([-1.0, -3.0])
    assert points.grad is not None
    assert points.grad[0].tolist() == pytest.approx([-1.0, -3.0])
    assert points.grad[1].tolist() == pytest.approx([0.0, -3.0], abs=1e-3)


def test_a_formula_is_one_path_that_is_nearly_certain() -> None:
    means, deviations = SIZE(POINTS)

    # The values so far, -1 and -3, have a standard deviation of √2.
    assert means[:, 0].tolist() == pytest.approx([-1.0, -3.0])
    assert deviations[:, 0].tolist() == pytest.approx([CERTAINTY * 2**0.5] * 2)


def test_a_formula_is_a_model_of_botorch() -> None:
    posterior = SIZE.model().posterior(POINTS[:, None, :])

    assert posterior.mean[:, 0, 0].tolist() == pytest.approx([-1.0, -3.0])
    assert posterior.rsample(torch.Size([4])).shape == (4, 2, 1, 1)


@pytest.mark.parametrize("points", [POINTS[:0], POINTS[:1], POINTS[[0, 0]]])
def test_values_without_spread_leave_a_formula_a_small_deviation(points: torch.Tensor) -> None:
    assert Formula.of(ENCODING, STUDY.objectives[1], points).deviation == CERTAINTY


def test_what_is_measured_is_no_formula() -> None:
    with pytest.raises(ValueError, match="objective 'a' has no formula"):
        Formula.of(ENCODING, STUDY.objectives[0], POINTS)
