import math

import pytest
import torch

from moopt.encoding.space import SpaceEncoding
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.study.usage import Usage
from moopt.surrogates.cost import FidelityCost, learned_cost
from tests.samplers.fidelity_runs import CURVES, EPOCHS
from tests.surrogates.made_kernels import uniform

SPACE = SpaceEncoding.of(CURVES)
POINTS = uniform(5, 2, seed=2)


def timed(place: int, rate: float, width: float, fidelity: float, after: int | None) -> Trial:
    before = 0.0 if after is None else 1.0
    seconds = 7.0 * math.exp(1.2 * width) * EPOCHS.cost(fidelity, after=before)
    return Trial(
        place,
        {"rate": rate, "width": width},
        state=TrialState.COMPLETED,
        fidelity=fidelity,
        continues=after,
        measurements={"score": Measurement(0.0)},
        usage=Usage(seconds, seconds, 0.0, None, None, "here", "cpu"),
    )


def history(count: int) -> list[Trial]:
    points = uniform(count, 2, seed=1).tolist()
    first = [timed(place, rate, width, 1.0, None) for place, (rate, width) in enumerate(points)]
    return first + [timed(count + p, rate, width, 9.0, p) for p, (rate, width) in enumerate(points)]


def test_without_times_the_cost_is_what_the_fidelity_states() -> None:
    cost = learned_cost(SPACE, EPOCHS, [])
    assert cost(POINTS, 3.0, 1.0).tolist() == [pytest.approx(2 / 9)] * 5


def test_what_parameters_do_to_the_time_is_learned_and_the_seconds_cancel() -> None:
    cost = learned_cost(SPACE, EPOCHS, history(20))
    ratio = cost(POINTS, 9.0, 0.0) / FidelityCost(EPOCHS)(POINTS, 9.0, 0.0)
    expected = (1.2 * (POINTS[:, 1] - float(uniform(20, 2, seed=1)[:, 1].mean()))).exp()
    assert torch.allclose(ratio, expected, rtol=0.1)
