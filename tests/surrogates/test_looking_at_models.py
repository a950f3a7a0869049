"""How far to trust a model, and what it says of parameters: checked against closed forms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.objectives import LinearConstraint, Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.left_out import left_out_predictions
from moopt.surrogates.marginal_likelihood import Likelihood
from moopt.surrogates.observations import Observations
from moopt.surrogates.sensitivity import importances, total_indices
from moopt.surrogates.slices import slices_through
from moopt.surrogates.study_model import StudyModel, learn_study

ISHIGAMI = (0.5576, 0.4424, 0.2437)
"""Total indices in closed form: Homma and Saltelli (1996), with a = 7 and b = 0.1."""


def ishigami(x: Tensor) -> Tensor:
    angles = math.pi * (2.0 * x - 1.0)
    first, second, third = angles.unbind(-1)
    return first.sin() + 7.0 * second.sin() ** 2 + 0.1 * third**4 * first.sin()


def everywhere(rows: Tensor) -> Tensor:
    return torch.ones(len(rows), dtype=torch.bool)


def studied(
    parameters: list[Continuous | Simplex],
    function: Callable[[Parameters], float],
    count: int,
    *,
    constraints: tuple[LinearConstraint, ...] = (),
) -> StudyModel:
    study = Study(
        "looked_at",
        parameters=parameters,
        objectives=[Objective("y", Minimize, noise=0.0)],
        linear_constraints=constraints,
    )
    candidates = QuasiRandomSampler().propose(study, [], count, 0)
    trials = [
        Trial(
            number,
            each.parameters,
            state=TrialState.COMPLETED,
            measurements={"y": Measurement(function(each.parameters), 0.0)},
        )
        for number, each in enumerate(candidates)
    ]
    return learn_study(study, trials)


def test_total_indices_of_a_known_function_are_known() -> None:
    engine = torch.quasirandom.SobolEngine(6, scramble=True, seed=0)
    rows, others = engine.draw(4096, dtype=torch.float64).chunk(2, dim=1)

    found = total_indices(lambda x: ishigami(x)[:, None], rows, others, [[0], [1], [2]], everywhere)

    np.testing.assert_allclose(found[:, 0], ISHIGAMI, atol=0.015)


def test_columns_can_be_drawn_together_and_what_is_constant_has_no_index() -> None:
    engine = torch.quasirandom.SobolEngine(6, scramble=True, seed=0)
    rows, others = engine.draw(2048, dtype=torch.float64).chunk(2, dim=1)

    def function(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] + x[:, 1], torch.full((len(x),), 3.0).to(x)], dim=1)

    found = total_indices(function, rows, others, [[0, 1], [2]], everywhere)

    np.testing.assert_allclose(found, [[1.0, 0.0], [0.0, 0.0]], atol=0.01)


@pytest.mark.slow
def test_importances_on_a_surrogate_come_near_those_of_the_function() -> None:
    names = ["x0", "x1", "x2"]
    model = studied(
        [Continuous(name, 0.0, 1.0) for name in names],
        lambda p: float(ishigami(torch.tensor([[p[name] for name in names]]).double())[0]),
        160,
    )

    found = importances(model)

    np.testing.assert_allclose(found[:, 0], ISHIGAMI, atol=0.08)


@pytest.mark.slow
def test_a_simplex_counts_as_a_whole_and_linear_constraints_are_kept() -> None:
    model = studied(
        [Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0), Simplex("mix", ["u", "v", "w"])],
        lambda p: p["a"] + 0.0 * p["b"] + 2.0 * p["mix"]["u"],
        40,
        constraints=(LinearConstraint({"a": 1.0, "b": 1.0}, at_most=1.2),),
    )

    by_a, by_b, by_mix = importances(model)[:, 0]

    assert by_b < 0.02
    assert by_a > 0.1
    assert by_mix > by_a
    for each in slices_through(model, {"a": 0.9, "b": 0.2, "mix": {"u": 0.2, "v": 0.3, "w": 0.5}}):
        if each.column == ("b",):
            assert max(float(str(value)) for value in each.values) <= 0.3 + 1e-9
        if each.column == ("mix", "u"):
            # The function is linear in this weight, with slope 2.
            change = float(each.means[-1, 0] - each.means[0, 0])
            assert change == pytest.approx(2.0, abs=0.1)


def test_parameters_that_cannot_move_alone_have_no_importance() -> None:
    model = studied(
        [Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0), Continuous("c", 0.0, 1.0)],
        lambda p: p["a"] + p["c"],
        12,
        constraints=(LinearConstraint({"a": 1.0, "b": 1.0}, at_least=1.0, at_most=1.0),),
    )

    found = importances(model)[:, 0]

    assert np.isnan(found[:2]).all()
    assert found[2] > 0.1


def without(observations: Observations, row: int) -> tuple[Observations, Float[Tensor, " n"]]:
    kept = torch.arange(len(observations.values)) != row
    rest = Observations(
        observations.points[kept],
        observations.values[kept],
        observations.variances[kept],
        observations.repeats[kept],
        observations.scatter,
        observations.spare,
        observations.location,
        observations.scale,
    )
    return rest, kept


def test_leaving_one_out_is_what_a_process_without_it_predicts() -> None:
    model = studied(
        [Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)],
        lambda p: math.sin(5.0 * p["a"]) + p["b"] ** 2,
        20,
    )
    (process,) = model.outcomes.surrogates
    assert isinstance(process, GaussianProcess)
    likelihood = process.likelihood
    row = 7
    rest, kept = without(likelihood.observations, row)
    again = GaussianProcess.of(
        process.features,
        Likelihood(likelihood.kernel, likelihood.features[kept], rest, likelihood.exact),
        process.theta,
        process.transform,
    )

    (found,) = left_out_predictions(model)
    mean, deviation = again.marginals(likelihood.observations.points[[row]])
    noise = likelihood.noise(process.theta)[row]
    expected = again.moments(mean, (deviation.square() + noise).sqrt())

    # The objective is minimised: below, larger is better.
    assert found.means[row] == pytest.approx(-float(expected[0]), rel=1e-6)
    assert found.deviations[row] == pytest.approx(float(expected[1]), rel=1e-3)
    assert found.numbers[row] == (row,)
    assert found.measured[row] == pytest.approx(model.trials[row].measurements["y"].mean)
    assert found.rank_correlation > 0.9
    assert found.explained > 0.9
    assert 0.7 <= found.coverage <= 1.0


def test_marginals_are_the_diagonal_of_the_joint_prediction() -> None:
    model = studied([Continuous("a", 0.0, 1.0)], lambda p: p["a"] ** 3, 9)
    (process,) = model.outcomes.surrogates
    assert isinstance(process, GaussianProcess)
    points = torch.rand(5, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    mean, deviation = process.marginals(points)

    expected, covariance = process.predict(points)
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(process.means(points), expected)
    torch.testing.assert_close(deviation.square(), covariance.diagonal(), atol=1e-9, rtol=1e-6)
