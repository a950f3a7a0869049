import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from moopt.evaluators.metrics.calibration import calibration_error


def drawn(count: int, seed: int, honesty: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return confidences, and answers that are right as often as a power of them."""
    generator = torch.Generator().manual_seed(seed)
    confidences = 0.5 + 0.5 * torch.rand(count, generator=generator)
    return confidences, torch.rand(count, generator=generator) < confidences**honesty


def test_a_bin_that_is_surer_than_right_adds_the_difference() -> None:
    confidences = torch.tensor([0.9, 0.6, 0.9, 0.6])
    right = torch.tensor([True, True, False, False])

    error, _ = calibration_error(confidences, right, bins=2)

    assert error == pytest.approx((0.1 + 0.4) / 2)


def test_bins_of_equal_numbers_are_those_of_scikit_learn() -> None:
    confidences, right = drawn(600, 0, honesty=2.0)
    shares, means = calibration_curve(right, confidences, n_bins=10, strategy="quantile")

    error, _ = calibration_error(confidences, right, bins=10)

    assert error == pytest.approx(np.abs(shares - means).mean())


def test_the_standard_error_is_the_spread_over_samples() -> None:
    found = [calibration_error(*drawn(500, seed, honesty=3.0)) for seed in range(400)]

    values, errors = (torch.tensor(each) for each in zip(*found, strict=True))
    assert errors.square().mean().sqrt().item() == pytest.approx(values.std().item(), rel=0.15)


def test_an_honest_classifier_has_nearly_none() -> None:
    assert calibration_error(*drawn(50_000, 0, honesty=1.0))[0] < 0.01


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1), st.integers(1, 20))
def test_it_is_a_share_and_never_exact(answers: list[tuple[int, bool]], bins: int) -> None:
    tenths, right = zip(*answers, strict=True)

    error, standard_error = calibration_error(
        torch.tensor(tenths) / 10, torch.tensor(right), bins=bins
    )

    assert 0 <= error <= 1
    assert 0 < standard_error < 1
