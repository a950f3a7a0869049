"""What is believed of some objectives, each largest at a point of its own."""

from dataclasses import replace
from functools import cache, partial

import torch
from torch import Tensor

from moopt.encoding.space import SpaceEncoding
from moopt.encoding.training_data import Limit, TrainingData
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study
from moopt.surrogates.outcomes import Outcomes, learn_outcomes
from tests.surrogates.made_kernels import normal, uniform

REFERENCE = -0.6


def size(parameters: Parameters) -> float:
    """Return what is largest in one corner."""
    first, second, *_ = (float(str(value)) for value in parameters.values())
    return (first - 1) ** 2 + 0.5 * second


def objective_values(points: Tensor, count: int) -> Tensor:
    anchors = uniform(count, points.shape[1], seed=7)
    return -(points[:, None, :] - anchors).square().sum(dim=2)


def data_of(
    objectives: int,
    *,
    columns: int = 2,
    count: int = 14,
    noise: float = 0.05,
    formula: bool = False,
    limit: float | None = None,
    pending: int = 0,
    crashed: int = 0,
) -> tuple[SpaceEncoding, TrainingData]:
    """Return measurements of objectives.

    Args:
        objectives: How many are measured.
        columns: Of a point.
        count: How many points were tried.
        noise: Standard deviation, which is not told.
        formula: Add an objective that is computed, and minimized.
        limit: Add an outcome, the first column, that is to be at most so large. None: no limit.
        pending: Trials that are running.
        crashed: Trials that failed by their own fault.
    """
    measured = [Objective(f"f{index}", Maximize) for index in range(objectives)]
    computed = [Objective("size", Minimize, formula=size)] if formula else []
    parameters = [Continuous(f"x{index}", 0, 1) for index in range(columns)]
    study = Study("made", parameters=parameters, objectives=[*measured, *computed])
    encoding = SpaceEncoding.of(study)
    points = uniform(count, columns)
    outcomes = [objective_values(points, objectives) + noise * normal(count, objectives)]
    outcomes += [points.new_tensor([[-size(encoding.decode(point))] for point in points])] * formula
    outcomes += [points[:, :1] + 0.01 * normal(count, 1)] * (limit is not None)
    table = torch.cat(outcomes, dim=1)
    total = objectives + formula
    names = [each.name for each in study.objectives] + ["c"] * (limit is not None)
    return encoding, TrainingData(
        points=points,
        outcomes=table,
        standard_errors=torch.full_like(table, torch.nan),
        names=tuple(names),
        reference_point=torch.tensor(
            [REFERENCE] * objectives + [-1.5] * formula, dtype=torch.float64
        ),
        aspiration_point=torch.full((total,), torch.inf, dtype=torch.float64),
        limits=() if limit is None else (Limit(total, 1.0, limit),),
        pending=uniform(pending, columns, seed=3),
        crashed=uniform(crashed, columns, seed=4),
    )


def outcomes_of(
    objectives: int,
    *,
    columns: int = 2,
    noise: float = 0.05,
    formula: bool = False,
    limit: float | None = None,
    pending: int = 0,
) -> Outcomes:
    return learn_outcomes(
        *data_of(
            objectives,
            columns=columns,
            noise=noise,
            formula=formula,
            limit=limit,
            pending=pending,
        ),
        "matern",
    )


def aspiring(outcomes: Outcomes, aspirations: list[float]) -> Outcomes:
    """Return the same beliefs of a study that has aspirations."""
    point = torch.tensor(aspirations, dtype=torch.float64)
    return replace(outcomes, data=replace(outcomes.data, aspiration_point=point))


SITUATIONS = {
    "two": partial(outcomes_of, 2),
    "three": partial(outcomes_of, 3),
    "noisy": partial(outcomes_of, 2, noise=0.2),
    "limited": partial(outcomes_of, 2, limit=0.5),
    "pending": partial(outcomes_of, 2, pending=2),
    "computed": partial(outcomes_of, 1, formula=True),
    "computed_third": partial(outcomes_of, 2, formula=True),
    "of_all_kinds": partial(outcomes_of, 2, formula=True, limit=0.5, pending=1),
}


ALONE = {
    "alone": partial(outcomes_of, 1),
    "alone_noisy": partial(outcomes_of, 1, noise=0.2, pending=2),
    "alone_limited": partial(outcomes_of, 1, limit=0.5),
}
"""With one objective."""


@cache
def outcomes_in(situation: str) -> Outcomes:
    return (SITUATIONS | ALONE)[situation]()
