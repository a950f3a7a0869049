import moocore
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from moopt.acquisition.mean_fronts import Volume, log_expected_rise
from tests.surrogates.made_kernels import normal, uniform

coarse = st.integers(-3, 3).map(lambda each: each / 2)
lines = st.lists(st.tuples(coarse, coarse), min_size=2, max_size=6)


def rise_by_summing(means: Tensor, steps: Tensor) -> Tensor:
    """Integrate the best of the lines over a fine grid of results."""
    results = torch.linspace(-9, 9, 40_001, dtype=torch.float64)
    density = (-0.5 * results.square()).exp()
    best = (means[..., None] + steps[..., None] * results).max(dim=-2).values
    return (best @ density) / density.sum() - means[..., :-1].max(dim=-1).values


@given(lines)
def test_the_expected_rise_is_that_of_a_fine_sum_even_where_lines_meet(
    pairs: list[tuple[float, float]],
) -> None:
    means, steps = torch.tensor(pairs, dtype=torch.float64).T

    found = log_expected_rise(means[None], steps[None]).exp()

    assert float(found) == pytest.approx(float(rise_by_summing(means, steps)), abs=1e-6)


def test_the_slope_of_the_expected_rise_is_that_of_finite_differences() -> None:
    means, steps = normal(3, 7).requires_grad_(), normal(3, 7, seed=1).requires_grad_()

    assert torch.autograd.gradcheck(log_expected_rise, (means, steps))


def test_one_line_that_moves_has_the_expected_improvement() -> None:
    means = torch.tensor([[0.3, 0.1, -0.2]], dtype=torch.float64)
    steps = torch.tensor([[0.0, 0.0, 0.7]], dtype=torch.float64)
    z = torch.tensor(-0.5 / 0.7, dtype=torch.float64)

    found = log_expected_rise(means, steps).exp()

    density = (-0.5 * z.square()).exp() / np.sqrt(2 * np.pi)
    assert float(found) == pytest.approx(0.7 * float(density + z * torch.special.ndtr(z)))


@pytest.mark.parametrize(
    ("objectives", "tolerance"), [(1, 1e-12), (2, 1e-12), (3, 0.01), (4, 0.05)]
)
def test_what_points_dominate_is_their_hypervolume(objectives: int, tolerance: float) -> None:
    values = uniform(5, 9, objectives)
    reference = torch.full((objectives,), 0.2, dtype=torch.float64)

    found = torch.stack([Volume.above(reference, each, 0, 2048)(each) for each in values])

    expected = [
        moocore.hypervolume(each.numpy(), ref=reference.numpy(), maximise=True) for each in values
    ]
    assert found.numpy() == pytest.approx(np.array(expected), rel=tolerance)


def test_points_below_the_reference_dominate_nothing() -> None:
    values = torch.tensor([[[-1.0, 2.0], [-0.5, 3.0]]], dtype=torch.float64)

    assert float(Volume.above(torch.zeros(2).double(), values[0], 0)(values)) == 0


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_the_slope_of_a_volume_is_that_of_finite_differences(objectives: int) -> None:
    values = uniform(2, 6, objectives).requires_grad_()
    dominated = Volume.above(torch.zeros(objectives).double(), values[0].detach(), 0)

    assert torch.autograd.gradcheck(dominated, (values,))
