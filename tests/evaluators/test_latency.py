import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import EvaluationError
from moopt.evaluators.metrics.latency import latency_seconds, median
from moopt.evaluators.metrics.throughput import throughput_per_second


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_warm_up_runs_do_not_count() -> None:
    calls: list[int] = []

    def slow_at_first() -> None:
        calls.append(0)
        work(0.05 if len(calls) <= 2 else 0.001)

    seconds, standard_error = latency_seconds(slow_at_first, warm_up=2, repetitions=5)

    assert len(calls) == 7
    assert 0.001 <= seconds < 0.04
    assert 0 < standard_error < 0.04


def test_a_run_that_waits_for_a_processor_does_not_count_the_waiting() -> None:
    def run() -> None:
        work(0.001)
        time.sleep(0.02)

    seconds, _ = latency_seconds(run, warm_up=0, repetitions=5)

    assert 0.001 <= seconds < 0.01


def test_throughput_is_items_over_seconds() -> None:
    per_second, standard_error = throughput_per_second(
        lambda: time.sleep(0.002), 10, warm_up=0, repetitions=5
    )

    assert 500 < per_second <= 5_000
    assert 0 < standard_error < per_second


def test_one_repetition_has_no_spread_and_is_refused() -> None:
    with pytest.raises(EvaluationError, match="two or more repetitions, got repetitions=1"):
        latency_seconds(lambda: None, repetitions=1)


def test_the_standard_error_of_the_median_is_that_of_a_bootstrap() -> None:
    values = np.random.default_rng(0).exponential(size=21)
    resamples = np.random.default_rng(1).choice(values, size=(200_000, 21))

    found, standard_error = median(torch.from_numpy(values))

    assert found == np.median(values)
    assert standard_error == pytest.approx(np.median(resamples, axis=1).std(), rel=0.01)


def test_the_standard_error_of_the_median_is_the_spread_of_medians() -> None:
    draws = torch.from_numpy(np.random.default_rng(0).exponential(size=(2_000, 40)))

    medians, errors = zip(*(median(row) for row in draws), strict=True)

    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(medians), rel=0.1)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20), st.integers(1, 9), st.integers(-9, 9))
def test_the_median_and_its_error_have_the_unit_of_the_values(
    values: list[int], factor: int, shift: int
) -> None:
    found, error = median(torch.tensor(values).double())

    changed, changed_error = median(factor * torch.tensor(values).double() + shift)

    assert changed == pytest.approx(factor * found + shift)
    assert changed_error == pytest.approx(factor * error, abs=1e-6)
