import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError, SurrogateError
from moopt.samplers.bayesian import ACQUISITIONS
from moopt.study.conditions import When
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Categorical, Continuous, Parameters
from moopt.study.study import Study
from moopt.surrogates.botorch_models import botorch_model
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.gradients import encoded_slopes, with_gradients
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from tests.acquisition.brute_force import slopes_by_differences
from tests.surrogates.made_kernels import normal, uniform
from tests.surrogates.made_outcomes import data_of, objective_values, outcomes_in

ELSEWHERE = uniform(30, 2, seed=8)


def learned(situation: str = "two", place: int = 0) -> GaussianProcess:
    process = outcomes_in(situation).surrogates[place]
    assert isinstance(process, GaussianProcess)
    return process


def true_slopes(points: Tensor, place: int = 0) -> Tensor:
    at = points.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(objective_values(at, 2)[:, place].sum(), at)
    return slopes


def test_the_process_is_the_normal_distribution_given_values_and_slopes() -> None:
    process = learned()
    points = process.likelihood.observations.points[:3]
    slopes = true_slopes(points)
    slopes[1, 0] = torch.nan
    found = with_gradients(process, points, slopes, torch.full_like(slopes, 0.1))

    mean, covariance = found.predict(ELSEWHERE)

    # The twin: the joint covariance by differentiating the kernel twice, conditioned densely.
    theta, noise = found.kernel_theta, found.likelihood.noise(found.theta)
    kernel, known = process.kernel, process.likelihood.observations

    def covariances(left: Tensor, right: Tensor) -> Tensor:
        return kernel.gram(left, right, theta).matrix

    seen, step = known.points, 1e-4
    shifts = [(row, c) for row in range(3) for c in range(2) if not slopes[row, c].isnan()]
    up, down = (
        torch.stack([points[row] + sign * step * torch.eye(2)[c] for row, c in shifts])
        for sign in (1, -1)
    )
    everything = torch.cat([ELSEWHERE, seen, up, down])
    joint = covariances(everything, everything)
    count, pairs = len(ELSEWHERE) + len(seen), len(shifts)
    into = torch.zeros(count + pairs, len(everything), dtype=torch.float64)
    into[:count, :count] = torch.eye(count)
    into[count:, count : count + pairs] = torch.eye(pairs) / (2 * step)
    into[count:, count + pairs :] = -torch.eye(pairs) / (2 * step)
    joint = into @ joint @ into.mT
    new, old = slice(len(ELSEWHERE)), slice(len(ELSEWHERE), None)
    values = torch.cat(
        [known.values - found.constant, torch.stack([slopes[s] for s in shifts]) / known.scale]
    )
    gain = torch.linalg.solve(joint[old, old] + noise.diag(), joint[old, new]).mT
    assert torch.allclose(mean, found.constant + gain @ values, atol=1e-4)
    assert torch.allclose(covariance, joint[new, new] - gain @ joint[old, new], atol=1e-4)


def test_the_posterior_of_hyperparameters_has_the_gradient_of_differences() -> None:
    process = learned("noisy")
    points = process.likelihood.observations.points[:4]
    likelihood = with_gradients(process, points, true_slopes(points)).likelihood
    start = likelihood.start + 0.2 * normal(len(likelihood.start))

    def value(theta: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        return likelihood.log_posterior(torch.from_numpy(theta))[0]

    def slope(theta: np.ndarray[tuple[int], np.dtype[np.float64]]) -> object:
        return likelihood.log_posterior(torch.from_numpy(theta))[1].numpy()

    assert check_grad(value, slope, start.numpy()) < 1e-3


def test_gradients_make_predictions_better_and_are_themselves_predicted() -> None:
    process = learned("noisy")
    points = process.likelihood.observations.points[:6]
    slopes = true_slopes(points)

    found = with_gradients(process, points, slopes)

    truth = objective_values(ELSEWHERE, 2)[:, 0]
    # The level is that of the noisy values; the shape is what gradients tell.
    errors = [
        float((each.measured(each.means(ELSEWHERE)) - truth).std()) for each in (process, found)
    ]
    assert errors[1] < 0.2 * errors[0]
    at = points.clone().requires_grad_()
    (predicted,) = torch.autograd.grad(found.measured(found.means(at)).sum(), at)
    assert torch.allclose(predicted, slopes, atol=0.05)
    assert found.description == "Matérn-5/2 with gradients"
    again = with_gradients(found, points[:1], slopes[:1])
    assert len(again.likelihood.features) == len(found.likelihood.features) + 2


@pytest.mark.parametrize("name", ["boxes", "evaluated_ei"])
def test_acquisition_functions_take_what_has_learned_gradients(name: str) -> None:
    outcomes = outcomes_in("pending")
    points = outcomes.data.points[:4]
    surrogates = [
        with_gradients(learned("pending", place), points, true_slopes(points, place))
        for place in range(2)
    ]
    acquisition = ACQUISITIONS[name](replace(outcomes, surrogates=tuple(surrogates)), 0)
    candidates = uniform(6, 1, 2, seed=5).requires_grad_()

    found = acquisition(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    worth = (found > -20).nonzero()[:, 0]
    expected = slopes_by_differences(acquisition, candidates.detach())[worth]
    assert found.isfinite().all()
    assert len(worth) > 1
    assert torch.allclose(slopes[worth, 0], expected, rtol=2e-2, atol=2e-2)


def test_parameters_of_other_kinds_stand_beside_those_that_have_slopes() -> None:
    study = Study(
        "mixed",
        parameters=[
            Continuous("rate", 1e-4, 1e-1, log=True),
            Categorical("kind", ["p", "q"]),
            Continuous("weight", -1, 3, when=When("kind", "q")),
        ],
        objectives=[Objective("score", Maximize)],
    )
    encoding = SpaceEncoding.of(study)
    trials: list[dict[str, Any]] = [
        {"rate": 10 ** (-4 + 3 * float(a)), "kind": "q", "weight": -1 + 4 * float(b)}
        for a, b in uniform(8, 2, seed=3)
    ]

    def score(parameters: Parameters) -> float:
        return float(math.sin(math.log10(parameters["rate"])) + 0.3 * parameters["weight"] ** 2)

    values = torch.tensor([[score(each)] for each in trials], dtype=torch.float64)
    points = encoding.encode_all(trials)
    slopes = torch.stack(
        [
            encoded_slopes(
                encoding,
                each,
                {
                    "rate": math.cos(math.log10(each["rate"])) / each["rate"] / math.log(10),
                    "weight": 0.6 * each["weight"],
                },
                1.0,
            )
            for each in trials
        ]
    )
    _, template = data_of(1)
    data = replace(
        template,
        points=points,
        outcomes=values,
        standard_errors=torch.full_like(values, torch.nan),
        pending=points[:0],
        crashed=points[:0],
    )
    outcomes: Outcomes = learn_outcomes(encoding, data, "matern")
    process = outcomes.surrogates[0]
    assert isinstance(process, GaussianProcess)

    found = with_gradients(process, points, slopes)

    at = points.clone().requires_grad_()
    (predicted,) = torch.autograd.grad(found.measured(found.means(at)).sum(), at)
    known = ~slopes.isnan()
    assert known.sum() == 16
    assert torch.allclose(predicted[known], slopes[known], atol=0.05 * float(slopes[known].std()))


def test_slopes_by_parameters_are_encoded_as_the_values_are() -> None:
    study = Study(
        "two",
        parameters=[Continuous("x", 2, 6), Continuous("r", 1, 100, log=True)],
        objectives=[Objective("f", Maximize)],
    )
    encoding = SpaceEncoding.of(study)

    slopes = encoded_slopes(encoding, {"x": 3.0, "r": 10.0}, {"x": 0.5, "r": 2.0}, -1.0)
    some = encoded_slopes(encoding, {"x": 3.0, "r": 10.0}, {"x": 0.5}, 1.0)

    assert slopes.tolist() == pytest.approx([-2.0, -20 * math.log(100)])
    assert some.tolist() == pytest.approx([2.0, math.nan], nan_ok=True)
    with pytest.raises(SelectionError, match="derivative by 'y' cannot be learned"):
        encoded_slopes(encoding, {"x": 3.0, "r": 1.0}, {"y": 1.0}, 1.0)


def test_what_cannot_be_learned_is_an_error() -> None:
    process, points = learned(), ELSEWHERE[:2]
    slopes = true_slopes(points)
    quadratic = learn_outcomes(*data_of(1), "quadratic").surrogates[0]
    assert isinstance(quadratic, GaussianProcess)

    with pytest.raises(SurrogateError, match=r"not by .*quadratic"):
        with_gradients(quadratic, points, slopes)
    with pytest.raises(SurrogateError, match=r"rows of 2 slopes.*slopes of shape \[2, 1\]"):
        with_gradients(process, points[:, :1], slopes[:, :1])
    with pytest.raises(SurrogateError, match="no gradient is known"):
        with_gradients(process, points, slopes * torch.nan)
    with pytest.raises(SurrogateError, match="is infinite"):
        with_gradients(process, points, slopes * torch.inf)
    with pytest.raises(SurrogateError, match="numbers from 0 on"):
        with_gradients(process, points, slopes, -torch.ones_like(slopes))
    outcomes = outcomes_in("alone")
    taught = replace(outcomes, surrogates=(with_gradients(learned("alone"), points, slopes),))
    with pytest.raises(SelectionError, match="BoTorch's models take no gradients"):
        botorch_model(taught)
