"""Sources that guide a process, or do not."""

import math

import pytest
import torch
from torch import Tensor

from moopt.encoding.sources import match_source
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.surrogates.features import Features
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.guides import (
    FEWEST,
    Guide,
    SourceModel,
    guided_process,
    learn_sources,
    ranked_guide,
)
from moopt.surrogates.paths import paths_through
from moopt.surrogates.selection import Measured, learned_process
from tests.surrogates.made_kernels import normal, uniform

STUDY = Study(
    "target",
    parameters=[Continuous("x", 0, 1), Continuous("y", 0, 1)],
    objectives=[Objective("gain", Maximize, reference=-9.0)],
)


def wavy(points: Tensor) -> Tensor:
    return (9 * points[:, 0]).sin() + (7 * points[:, 1]).cos()


def source(seed: int, *, shift: float = 0.0, count: int = 40) -> Source:
    """Return measurements of waves, or of noise where the shift is infinite."""
    points = uniform(count, 2, seed=seed + 50)
    values = 5 + 3 * wavy(points + shift) if math.isfinite(shift) else normal(count, seed=seed)
    trials = [
        Trial(
            number,
            {"x": float(point[0]), "y": float(point[1])},
            state=TrialState.COMPLETED,
            measurements={"gain": Measurement(float(value))},
        )
        for number, (point, value) in enumerate(zip(points, values, strict=True))
    ]
    return Source(STUDY, trials)


def models(*sources: Source) -> list[SourceModel]:
    return learn_sources([match_source(STUDY, each) for each in sources])["gain"]


def measured(count: int) -> Measured:
    matched = match_source(STUDY, source(0))
    points = uniform(count, 2, seed=9)
    return Measured(
        Features.of(matched.encoding),
        points,
        wavy(points),
        torch.full((count,), torch.nan).double(),
    )


def error(process: GaussianProcess) -> float:
    points = uniform(200, 2, seed=3)
    means = process.measured(process.means(points))
    return float((means - wavy(points)).square().mean().sqrt())


def test_a_source_that_is_alike_makes_few_measurements_enough() -> None:
    data = measured(6)
    own = learned_process(data)

    guided = guided_process(own, data, models(source(0)), seed=0)

    assert error(guided) < 0.3 * error(own)
    assert guided.description.endswith("guided by target 100%")


def test_the_same_source_upside_down_is_not_listened_to() -> None:
    data = measured(12)
    upside_down = Measured(data.features, data.points, -data.values, data.standard_errors)

    guide = ranked_guide(learned_process(upside_down), models(source(0)), seed=0)

    assert guide is None


def test_noise_beside_a_source_that_is_alike_has_little_weight() -> None:
    process = learned_process(measured(12))

    guide = ranked_guide(process, models(source(1, shift=math.inf), source(0)), seed=0)

    assert guide is not None
    assert guide.weights[-1] > 0.9
    assert sum(guide.weights) == pytest.approx(1.0)


def test_a_process_that_no_source_guides_is_the_one_that_learned_alone() -> None:
    data = measured(12)
    upside_down = Measured(data.features, data.points, -data.values, data.standard_errors)
    own = learned_process(upside_down)

    assert guided_process(own, upside_down, models(source(0)), seed=0) is own


def test_noise_as_a_source_costs_next_to_nothing() -> None:
    data = measured(20)
    own = learned_process(data)
    noise = models(*(source(seed, shift=math.inf) for seed in range(3)))

    guided = guided_process(own, data, noise, seed=0)

    assert error(guided) < 1.2 * error(own)


def test_a_guide_is_the_weighted_mean_of_its_models() -> None:
    first, second = models(source(0), source(1, shift=0.1))
    points = uniform(5, 2)

    guide = Guide((first, second), (0.25, 0.75))

    assert torch.allclose(guide(points), 0.25 * first(points) + 0.75 * second(points))
    assert torch.allclose(guide(points[:, None]), guide(points)[:, None])
    assert guide.description == "target 25%, target 75%"


def test_a_source_with_too_few_measurements_says_nothing() -> None:
    few = match_source(STUDY, source(0, count=FEWEST - 1))

    assert learn_sources([few]) == {}


def test_paths_of_a_guided_process_have_the_slope_of_finite_differences() -> None:
    data = measured(8)
    process = guided_process(learned_process(data), data, models(source(0)), seed=0)
    paths = paths_through(process, data.points[:2], torch.zeros(1, 2).double())
    points = uniform(3, 2, seed=5).requires_grad_()

    mean, deviation = paths(points)
    (slope,) = torch.autograd.grad(mean.sum() + deviation.sum(), points)

    step = 1e-5
    for column in range(2):
        ahead, behind = points.detach().clone(), points.detach().clone()
        ahead[:, column] += step
        behind[:, column] -= step
        with torch.no_grad():
            expected = (sum(map(torch.sum, paths(ahead))) - sum(map(torch.sum, paths(behind)))) / (
                2 * step
            )
        assert float(slope[:, column].sum()) == pytest.approx(float(expected), rel=1e-4)
