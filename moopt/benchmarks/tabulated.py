"""Problems of which every configuration is known: a number for each, and the exact front.

Values lie in an array with an axis for each parameter, in the order of the study, so that the front
is found among all configurations at once, in well under a second for 60,000 of them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
from jaxtyping import Float

from moopt.benchmarks.problem import Noise, Problem, Score
from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import reference_point
from moopt.study.objectives import Direction, Objective
from moopt.study.parameters import Categorical, Parameters
from moopt.study.study import Study

WORST_QUANTILE = 0.9
"""The reference of each objective: nine tenths of all configurations are better."""

CHECKPOINTS = (20, 40, 80)


def index_of(parameters: Sequence[Categorical], values: Parameters) -> int:
    """Return the place of a configuration, where the last parameter varies fastest."""

    def step(place: int, parameter: Categorical) -> int:
        choices = parameter.choices
        return place * len(choices) + choices.index(values[parameter.name])

    return reduce(step, parameters, 0)


def size_of(parameters: Sequence[Categorical]) -> int:
    """Return how many configurations there are."""
    return math.prod(len(each.choices) for each in parameters)


def tabulated(
    name: str,
    parameters: Sequence[Categorical],
    directions: Mapping[str, Direction],
    repeats: Float[np.ndarray, "n r m"],
    *,
    noise: Noise | None = None,
) -> Problem:
    """Return a problem whose true values are means of what was measured repeatedly.

    Args:
        name: Of the study.
        parameters: That span the configurations, the last one varying fastest.
        directions: Of the objectives, in the order of the last axis.
        repeats: Measurements of each configuration, NaN where there are fewer. With more than one a
            search sees one of them, chosen at random.
        noise: Of a single repeat.
    """
    names = list(directions)
    true = np.nanmean(repeats, axis=1)
    counts = np.isfinite(repeats).all(axis=2).sum(axis=1)
    signs = np.array([each.sign for each in directions.values()])
    references = signs * np.quantile(signs * true, 1 - WORST_QUANTILE, axis=0)
    study = Study(
        name,
        parameters=list(parameters),
        objectives=[
            Objective(each, direction, reference=float(reference))
            for (each, direction), reference in zip(directions.items(), references, strict=True)
        ],
    )

    def true_values(values: Parameters) -> dict[str, float]:
        row = true[index_of(parameters, values)]
        return dict(zip(names, row.tolist(), strict=True))

    def one_repeat(values: Parameters, seed: int) -> dict[str, float]:
        place = index_of(parameters, values)
        chosen = int(np.random.default_rng(seed).integers(counts[place]))
        return dict(zip(names, repeats[place, chosen].tolist(), strict=True))

    return Problem(
        study,
        true_values,
        true_best=hypervolume(signs * true, reference_point(study)),
        checkpoints=CHECKPOINTS,
        score=Score.SHARE,
        noise=noise or {},
        repeats=one_repeat if repeats.shape[1] > 1 else None,
    )
