import time
from functools import partial

import pytest
import torch

from moopt.errors import EvaluationError
from moopt.evaluators.metrics.peak_memory import peak_memory_gib

MIB = 2**20


def hold(mib: int) -> None:
    """Take memory for a moment."""
    taken = torch.ones(mib * MIB // 4)
    time.sleep(0.05)
    assert taken[0] == 1


def test_a_run_that_holds_more_has_a_higher_peak() -> None:
    small, large = (peak_memory_gib(partial(hold, size)) for size in (8, 264))

    assert large[0] - small[0] == pytest.approx(0.25, abs=0.05)
    assert 0 <= small[1] < 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_is_what_tensors_took_at_once() -> None:
    mean, error = peak_memory_gib(lambda: torch.ones(64 * MIB, device="cuda"), device="cuda")

    assert mean == pytest.approx(0.25, abs=0.05)
    assert error == pytest.approx(0, abs=1e-6)


def test_other_devices_are_refused() -> None:
    with pytest.raises(EvaluationError, match="on cpu and cuda devices, got 'meta'"):
        peak_memory_gib(lambda: None, device="meta")


def test_one_repetition_has_no_spread_and_is_refused() -> None:
    with pytest.raises(EvaluationError, match="two or more repetitions, got repetitions=1"):
        peak_memory_gib(lambda: None, repetitions=1)
