import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from moopt.surrogates.kernels import Kernel
from moopt.surrogates.marginal_likelihood import Likelihood
from moopt.surrogates.observations import FENCE, FLOOR, fenced, observe
from tests.surrogates.made_kernels import KERNELS, normal, uniform
from tests.surrogates.slow_twins import dense_log_posterior

UNKNOWN = float("nan")
value_lists = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(value_lists)
def test_values_are_standardized_and_can_be_told_back(values: list[float]) -> None:
    measured = fenced(doubles(*values))
    assume(float(measured.std()) > 1e-3)

    found = observe(uniform(len(values), 2), doubles(*values), doubles(*[UNKNOWN] * len(values)))

    assert float(found.values.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(found.values.std()) == pytest.approx(1.0)
    assert torch.allclose(found.location + found.scale * found.values, measured)


def test_a_constant_outcome_is_only_shifted() -> None:
    found = observe(uniform(4, 2), doubles(2.5, 2.5, 2.5, 2.5), doubles(*[UNKNOWN] * 4))

    assert found.values.tolist() == [0.0] * 4
    assert (found.location, found.scale) == (2.5, 1.0)


def test_one_measurement_is_only_shifted() -> None:
    found = observe(uniform(1, 2), doubles(2.5), doubles(0.5))

    assert (found.values.tolist(), found.variances.tolist()) == ([0.0], [0.25])


def test_precise_measurements_weigh_more_in_the_mean_of_repeats() -> None:
    points = torch.tensor([[0.1], [0.7], [0.1]], dtype=torch.float64)

    found = observe(points, doubles(1.0, 9.0, 3.0), doubles(0.1, 0.1, 0.2))

    # Precisions of 100 and 25: (100 · 1 + 25 · 3) / 125, with variance 1 / 125.
    assert found.points.tolist() == [[0.1], [0.7]]
    assert (found.location + found.scale * found.values).tolist() == pytest.approx([1.4, 9.0])
    assert (found.scale**2 * found.variances).tolist() == pytest.approx([1 / 125, 0.01])


def test_known_and_learned_noise_at_one_point_stay_apart() -> None:
    points = torch.full((3, 1), 0.5, dtype=torch.float64)

    found = observe(points, doubles(1.0, 2.0, 4.0), doubles(UNKNOWN, 0.1, UNKNOWN))

    assert found.variances.isnan().tolist() == [True, False]
    assert found.repeats.tolist() == [2.0, 1.0]
    assert (found.location + found.scale * found.values).tolist() == pytest.approx([2.5, 2.0])


def test_means_of_more_repeats_weigh_more_where_noise_is_learned() -> None:
    points = torch.tensor([[0.1], [0.7], [0.1]], dtype=torch.float64)

    found = observe(points, doubles(1.0, 9.0, 3.0), doubles(*[UNKNOWN] * 3), doubles(1, 2, 3))

    assert found.repeats.tolist() == [4.0, 2.0]
    assert (found.location + found.scale * found.values).tolist() == pytest.approx([2.5, 9.0])
    # Two repeats at one point differ: one of them is spare, and tells of the noise of one each.
    assert found.spare == 1
    assert found.scale**2 * found.scatter == pytest.approx(1 * 1.5**2 + 3 * 0.5**2)


def test_an_error_of_zero_is_as_small_as_numbers_allow() -> None:
    found = observe(uniform(2, 1), doubles(1.0, 2.0), doubles(0.0, 0.0))

    assert found.variances.tolist() == [FLOOR, FLOOR]


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize(
    ("errors", "exact"),
    [([UNKNOWN] * 9, False), ([0.1, 0.3, 0.2] * 3, True), ([0.3, UNKNOWN, UNKNOWN] * 3, True)],
    ids=["learned", "known", "both"],
)
def test_merged_repeats_are_as_likely_as_single_measurements(
    kernel: Kernel, errors: list[float], *, exact: bool
) -> None:
    points = uniform(4, 4)[[0, 1, 2, 0, 0, 3, 1, 3, 3]]
    values, known = normal(9), doubles(*errors)
    observations = observe(points, values, known)
    merged = Likelihood(kernel, observations.points, observations, exact)
    standard = (values - values.mean()) / values.std()
    variances = (known / values.std()).square()

    def lead(seed: int) -> tuple[float, float]:
        theta = merged.start + 0.3 * normal(len(merged.start), seed=seed)
        return merged.log_posterior(theta)[0], dense_log_posterior(
            kernel, points, standard, variances, theta, exact=exact
        )

    ours, theirs = zip(lead(1), lead(2), strict=True)

    # Both are known up to a constant.
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1], rel=1e-5)


def test_a_diverged_run_is_moved_to_the_fence() -> None:
    values = doubles(-1e6, *range(10))

    # Quartiles of 1.5 and 6.5: some ranges of 5 below 1.5.
    assert fenced(values).tolist() == [1.5 - 5.0 * FENCE, *range(10)]


def test_high_values_stay_as_they_are() -> None:
    values = doubles(*range(10), 1e6)

    assert torch.equal(fenced(values), values)


def test_few_values_stay_as_they_are() -> None:
    values = doubles(-1e6, *range(6))

    assert torch.equal(fenced(values), values)


@given(value_lists)
def test_the_fence_moves_nothing_down_and_keeps_the_order(values: list[float]) -> None:
    before = doubles(*sorted(values))

    after = fenced(before)

    assert (after >= before).all()
    assert (after.diff() >= 0).all()
