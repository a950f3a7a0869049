"""What random search is believed to reach on a study, with as many trials."""

import numpy as np
import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from jaxtyping import Bool, Float
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.front.growth import hypervolume_growth
from moopt.front.reference_point import reference_point
from moopt.reports.growth import Baseline
from moopt.surrogates.formula import Formula
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.reproducible import reproducible
from moopt.surrogates.study_model import SEED, StudyModel

SEARCHES = 64
"""Random searches, each of a function of its own drawn from the posterior."""

MOST_TRIALS = 500
"""Trials of a search; of a longer one only the beginning is told."""

ROOM = 2
"""Points to choose from, for each trial: all of them are drawn jointly."""

FEWEST_POINTS = 256
COARSE_DIRECTIONS = 2**12
"""Of an estimated hypervolume: quartiles over searches say no more anyway."""


def random_baseline(model: StudyModel, count: int) -> Baseline:
    """Return what random search is believed to reach after each trial.

    The outcomes of random points are drawn from the posterior, jointly, with the usual noise of a
    measurement on top; what fails or breaks a constraint adds nothing. So the quartiles tell apart
    luck in the points from doubt about the function no further.

    Args:
        model: Of the study.
        count: Trials that ended; at most `MOST_TRIALS` count.
    """
    count = min(count, MOST_TRIALS)
    if count == 0:
        return Baseline(*(np.empty(0) for _ in range(3)))
    points = random_points(model, max(ROOM * count, FEWEST_POINTS))
    with reproducible(SEED), torch.no_grad():
        measured = [
            _measured(surrogate, points, column, is_noisy=column < len(model.data.names))
            for column, surrogate in enumerate(model.outcomes.surrogates)
        ]
    drawn = torch.stack(measured, dim=-1)
    feasible = _feasible(model, drawn)
    objectives = drawn[..., : model.data.objective_count].numpy()
    generator = np.random.default_rng(SEED)
    reference = reference_point(model.study)
    traces = []
    for values, counted in zip(objectives, feasible, strict=True):
        rows = generator.permutation(len(points))[:count]
        traces.append(
            hypervolume_growth(values[rows], counted[rows], reference, directions=COARSE_DIRECTIONS)
        )
    lower, median, upper = np.quantile(np.array(traces), [0.25, 0.5, 0.75], axis=0)
    return Baseline(lower, median, upper)


def random_points(model: StudyModel, count: int) -> Float[Tensor, "count d"]:
    """Return independent valid points, such as random search would try."""
    box = SearchBox(model.encoding)
    generator = torch.Generator().manual_seed(SEED)
    uniform = torch.rand(count, box.design_width, generator=generator, dtype=torch.float64)
    return box.to_points(box.within(box.from_uniform(uniform)))


def _measured(
    surrogate: GaussianProcess | Formula,
    points: Float[Tensor, "n d"],
    column: int,
    *,
    is_noisy: bool,
) -> Float[Tensor, "s n"]:
    """Draw an outcome at points, as it would be measured, or as it is."""
    if isinstance(surrogate, Formula):
        return surrogate.compute(points)[:, 0].expand(SEARCHES, -1)
    normals = draw_sobol_normal_samples(
        len(points), SEARCHES, dtype=torch.float64, seed=SEED + column
    )
    standard = surrogate.sample(points, normals)
    if not is_noisy:
        return surrogate.measured(standard)
    noise = surrogate.likelihood.noise(surrogate.theta).median().sqrt()
    return surrogate.measured(standard + noise * torch.randn_like(standard))


def _feasible(model: StudyModel, drawn: Float[Tensor, "s n k"]) -> Bool[np.ndarray, "s n"]:
    feasible = torch.ones(drawn.shape[:2], dtype=torch.bool)
    for limit in model.data.limits:
        values = drawn[..., limit.outcome]
        if limit.outcome >= len(model.data.names):
            # Success is modelled as a share between failure, 0, and success, 1: the luck of a
            # trial is drawn here, and nowhere before.
            chance = torch.rand(values.shape, generator=torch.Generator().manual_seed(SEED))
            feasible &= chance.to(values) < values
        else:
            feasible &= limit.sign * values <= limit.bound
    return np.asarray(feasible.numpy())
