import math
from dataclasses import replace
from functools import partial
from typing import cast

import moocore
import numpy as np
import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.multi_objective.hypervolume_knowledge_gradient import (
    qHypervolumeKnowledgeGradient,
)
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.sampling.list_sampler import ListSampler
from botorch.sampling.normal import IIDNormalSampler
from torch import Tensor

from moopt.acquisition.lookahead import LookAhead, evaluated_improvement, knowledge_gradient
from moopt.acquisition.mean_updates import MeanUpdates
from moopt.surrogates.botorch_models import botorch_model, botorch_process
from moopt.surrogates.features import Features
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.outcomes import Outcomes
from moopt.surrogates.selection import Measured, learned_process
from tests.acquisition.brute_force import slopes_by_differences
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import ALONE, SITUATIONS, aspiring, data_of, outcomes_in

CANDIDATES = uniform(8, 1, 2, seed=5)
BUILDERS = {"evaluated_ei": evaluated_improvement, "knowledge_gradient": knowledge_gradient}

each_builder = pytest.mark.parametrize("name", BUILDERS)
each_situation = pytest.mark.parametrize("situation", [*SITUATIONS, *ALONE])


def exact_outcomes() -> Outcomes:
    encoding, data = data_of(1, noise=0.0)
    measured = Measured(
        Features.of(encoding),
        data.points,
        data.outcomes[:, 0],
        torch.zeros_like(data.outcomes[:, 0]),
        exact=True,
    )
    return Outcomes((learned_process(measured, "matern"),), data)


def means_after(process: GaussianProcess, candidate: Tensor, points: Tensor, z: Tensor) -> Tensor:
    """Return posterior means after a result, by a model that has learned it."""
    noise = process.likelihood.noise(process.theta).median()
    mean, covariance = process.predict(candidate)
    value = process.measured(mean + z * (covariance[0] + noise).sqrt())
    model = botorch_process(process)
    model.posterior(points)
    # The transform of the outcome is applied to the value, not to the noise.
    learned = model.condition_on_observations(candidate, value[None], noise=noise.reshape(1, 1))
    return torch.as_tensor(learned.posterior(points).mean[:, 0]).detach()


def gain_by_learning(acquisition: LookAhead, candidate: Tensor) -> float:
    """Return the mean volume after each result less that before, one model after the other."""
    updates = [each for each in acquisition.updates if isinstance(each, MeanUpdates)]
    points = torch.cat([updates[0].points, candidate])
    reference = acquisition.dominated.reference_point.numpy()
    volumes = []
    for normals in acquisition.normals:
        after = [
            means_after(each.process, candidate, points, z)
            for each, z in zip(updates, normals, strict=True)
        ]
        table = torch.stack(after, dim=1).numpy()
        volumes.append(moocore.hypervolume(table, ref=reference, maximise=True))
    return float(sum(volumes) / len(volumes) - acquisition.volume)


@each_builder
@pytest.mark.parametrize("situation", ["two", "noisy"])
def test_the_gain_is_that_of_models_that_learn_each_result(name: str, situation: str) -> None:
    outcomes = outcomes_in(situation)
    acquisition = BUILDERS[name](outcomes, 0)
    acquisition = replace(acquisition, normals=acquisition.normals[::8])

    found = acquisition(CANDIDATES).exp()

    for candidate, value in list(zip(CANDIDATES, found, strict=True))[:3]:
        expected = gain_by_learning(acquisition, candidate)
        scale = 1e-6 * acquisition.volume
        assert float(value) == pytest.approx(scale * soft(expected / scale), rel=1e-3, abs=1e-8)


def soft(value: float) -> float:
    return math.log1p(math.exp(value)) if value < 30 else value


@each_builder
def test_the_closed_form_of_one_objective_is_the_limit_of_many_results(name: str) -> None:
    outcomes = outcomes_in("alone_noisy")
    closed = BUILDERS[name](outcomes, 0)
    shares = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    summed = replace(
        closed,
        normals=torch.special.ndtri(shares)[:, None],
        aspiration_point=torch.tensor([1e6], dtype=torch.float64),
    )

    assert torch.allclose(closed(CANDIDATES), summed(CANDIDATES), atol=1e-3)


def test_without_noise_it_is_expected_improvement() -> None:
    outcomes = exact_outcomes()
    model = botorch_model(outcomes)
    assert isinstance(model, ModelListGP)
    best = float(model.posterior(outcomes.data.points).mean.max())

    found = evaluated_improvement(outcomes, 0)(CANDIDATES)

    (alone,) = model.models
    assert isinstance(alone, SingleTaskGP)
    expected = LogExpectedImprovement(alone, best)(CANDIDATES)
    worth = expected > -8
    assert worth.sum() >= 2
    assert torch.allclose(found[worth], expected[worth], atol=0.01)


@pytest.mark.parametrize("situation", ["two", "noisy"])
def test_the_knowledge_gradient_of_fixed_points_is_that_of_botorch(situation: str) -> None:
    outcomes = outcomes_in(situation)
    ours = evaluated_improvement(outcomes, 0)
    first = ours.updates[0]
    assert isinstance(first, MeanUpdates)
    results = len(ours.normals)
    samplers = [IIDNormalSampler(torch.Size([results]), seed=seed) for seed in (1, 2)]
    count = len(first.points) + 1
    theirs = qHypervolumeKnowledgeGradient(
        botorch_model(outcomes),
        ours.dominated.reference_point,
        num_fantasies=results,
        num_pareto=count,
        sampler=ListSampler(*samplers),
        current_value=torch.tensor(ours.volume, dtype=torch.float64),
    )

    expected = []
    for candidate in CANDIDATES:
        points = torch.cat([first.points, candidate])
        full = torch.cat([candidate, points.repeat(results, 1)])
        expected.append(float(theirs(full[None])))

    drawn = [cast("Tensor", each.base_samples).reshape(results) for each in samplers]
    found = replace(ours, normals=torch.stack(drawn, dim=1))(CANDIDATES).exp()
    assert float(found.max()) > 0.001
    assert found.clamp_min(1e-5).numpy() == pytest.approx(np.maximum(expected, 1e-5), rel=1e-3)


@each_builder
@each_situation
def test_values_are_finite_and_have_the_slopes_of_finite_differences(
    name: str, situation: str
) -> None:
    acquisition = BUILDERS[name](outcomes_in(situation), 0)
    candidates = CANDIDATES.clone().requires_grad_()

    found = acquisition(candidates)

    (slopes,) = torch.autograd.grad(found.sum(), candidates)
    assert found.isfinite().all()
    worth = (found > -25).nonzero()[:, 0]
    expected = slopes_by_differences(acquisition, CANDIDATES)[worth]
    assert torch.allclose(slopes[worth, 0], expected, rtol=1e-2, atol=1e-2)


@each_builder
def test_a_pending_trial_is_not_proposed_again(name: str) -> None:
    outcomes = outcomes_in("two")
    acquisition = BUILDERS[name](outcomes, 0)
    best = CANDIDATES[acquisition(CANDIDATES).argmax()]

    pending = BUILDERS[name](outcomes.with_pending(best[0]), 0)

    assert float(pending(best[None])) < float(acquisition(best[None])) - 0.5


def test_anywhere_there_is_at_least_as_much_to_gain_as_among_what_was_tried() -> None:
    outcomes = outcomes_in("alone")

    anywhere = knowledge_gradient(outcomes, 0)(CANDIDATES)

    tried = evaluated_improvement(outcomes, 0)(CANDIDATES)
    unsure = tried < -20
    assert bool((anywhere[unsure] > tried[unsure] - 0.5).all())


@each_builder
def test_aspirations_that_are_far_away_change_nothing(name: str) -> None:
    outcomes = outcomes_in("two")
    build = partial(BUILDERS[name], seed=0)

    assert torch.allclose(
        build(aspiring(outcomes, [1e3, 1e3]))(CANDIDATES), build(outcomes)(CANDIDATES)
    )
