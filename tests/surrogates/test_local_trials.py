from dataclasses import replace

import numpy as np
import torch

from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.local_trials import (
    EVERYTHING,
    FARTHER,
    FEWEST,
    NEAREST,
    OF_FRONT,
    OTHERS,
    Surroundings,
)
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import data_of, objective_values

NONE = np.array([], dtype=int)


def test_of_few_trials_all_are_learned_from() -> None:
    _, data = data_of(2, count=EVERYTHING)

    near = Surroundings.of(data, 5, NONE)

    assert near.near is None
    assert torch.equal(near.part().points, data.points)


def test_of_many_trials_the_nearest_and_some_of_the_front_are_learned_from() -> None:
    _, data = data_of(2, count=600)
    front = np.arange(0, 600, 5)

    near = Surroundings.of(data, 7, front)

    assert near.near is not None
    rows = near.near.nonzero()[:, 0]
    distances = (data.points - data.points[7]).norm(dim=1)
    nearest = set(distances.argsort()[:NEAREST].tolist())
    assert nearest <= set(rows.tolist())
    others = set(rows.tolist()) - nearest
    of_front = others & set(front.tolist())
    assert len(of_front) > OF_FRONT / 2
    assert FARTHER / 2 < len(others) <= FARTHER + OF_FRONT
    assert torch.equal(near.part().outcomes, data.outcomes[rows])


def test_an_outcome_that_was_measured_elsewhere_is_learned_from_there() -> None:
    _, data = data_of(2, count=600)
    far = (data.points - data.points[7]).norm(dim=1).argsort()[-10:]
    outcomes = data.outcomes.clone()
    outcomes[:, 1] = torch.nan
    outcomes[far, 1] = 1.0

    near = Surroundings.of(replace(data, outcomes=outcomes), 7, NONE)

    assert int(near.part().measured(1).sum()) >= FEWEST


def test_of_many_pending_and_failed_trials_the_nearest_are_heeded() -> None:
    _, data = data_of(2, count=20, pending=300, crashed=OTHERS)

    near = Surroundings.of(data, 3, NONE).data

    assert len(near.pending) == len(near.crashed) == OTHERS
    kept = (near.pending - data.points[3]).norm(dim=1).max()
    assert int(((data.pending - data.points[3]).norm(dim=1) <= kept).sum()) == OTHERS


def test_what_is_learned_around_a_place_is_right_there() -> None:
    encoding, data = data_of(1, columns=4, count=600, noise=1e-3)
    near = data.points[3] + 0.1 * (uniform(50, 4, seed=11) - 0.5)

    outcomes = Surroundings.of(data, 3, NONE).learned(encoding)

    (process,) = outcomes.surrogates
    assert isinstance(process, GaussianProcess)
    assert NEAREST < len(process.likelihood.features) <= NEAREST + FARTHER
    errors = process.measured(process.means(near)) - objective_values(near, 1)[:, 0]
    assert float(errors.abs().mean()) < 0.01 * float(data.outcomes.std())


def test_a_local_process_has_the_kernel_that_was_asked_for() -> None:
    encoding, data = data_of(1, count=EVERYTHING + 1)

    (process,) = Surroundings.of(data, 3, NONE).learned(encoding, "matern").surrogates

    assert process.description == "Matérn-5/2"


def test_failures_near_a_place_are_learned_from() -> None:
    encoding, data = data_of(1, count=EVERYTHING + 1, crashed=30)

    outcomes = Surroundings.of(data, 3, NONE).learned(encoding, "matern")

    success = outcomes.surrogates[1]
    assert isinstance(success, GaussianProcess)
    assert len(success.likelihood.features) == len(outcomes.data.points) + 30
    assert outcomes.data.limits[0].outcome == 1
