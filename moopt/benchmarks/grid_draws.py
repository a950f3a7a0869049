"""Random functions of choices, on which a search of discrete spaces may be tuned.

Draws from Gaussian processes over all configurations at once. Each parameter has a kernel of its
own: of choices without an order two are alike or not, of ordered ones neighbours are more alike.
The kernel of configurations is their product, so a draw needs the root of each small matrix only.
Every configuration is known, and so is the exact front.

Source: Saatçi, "Scalable inference for structured Gaussian process models", PhD thesis, University
of Cambridge (2011).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from moopt.benchmarks.problem import Problem
from moopt.benchmarks.tabulated import tabulated
from moopt.study.objectives import Minimize
from moopt.study.parameters import Categorical

OBJECTIVES = ("f0", "f1")
NOISE = 0.05
"""Standard deviation of one measurement, as a share of that of the objective over the space."""


def categorical_draw(seed: int) -> Problem:
    """Return random functions of six choices among five without an order."""
    choices = [f"choice{place}" for place in range(5)]
    parameters = [Categorical(f"c{column}", choices) for column in range(6)]
    return _problem(f"draw_categorical_{seed}", parameters, seed)


def mixed_draw(seed: int) -> Problem:
    """Return random functions of ordered, unordered and true-or-false choices, with noise."""
    powers = [2.0**power for power in range(-6, 1)]
    parameters = [
        *(Categorical(f"ordered{column}", powers, ordered=True) for column in range(4)),
        Categorical("kind", ["a", "b", "c", "d"]),
        Categorical("other", ["a", "b", "c"]),
        Categorical("switch", [False, True]),
    ]
    return _problem(f"draw_mixed_{seed}", parameters, seed, noise=NOISE)


def draws(parameters: Sequence[Categorical], count: int, seed: int) -> Float[np.ndarray, "n count"]:
    """Return so many random functions of all configurations, the last parameter varying fastest."""
    generator = np.random.default_rng([len(parameters), seed])
    columns = []
    for _ in range(count):
        found = generator.standard_normal([len(each.choices) for each in parameters])
        for axis, parameter in enumerate(parameters):
            root = np.linalg.cholesky(covariance(parameter, generator.lognormal(0.0, 0.75)))
            found = np.moveaxis(np.tensordot(root, found, axes=(1, axis)), 0, axis)
        columns.append(found.reshape(-1))
    return np.stack(columns, axis=1)


def covariance(parameter: Categorical, scale: float) -> Float[np.ndarray, "c c"]:
    """Return how much alike the choices of a parameter are; more so, the larger the scale."""
    count = len(parameter.choices)
    places = np.linspace(0.0, 1.0, count)
    apart = np.abs(places[:, None] - places) if parameter.ordered else 1.0 - np.eye(count)
    return np.asarray(np.exp(-((apart / scale) ** 2) / 2) + 1e-6 * np.eye(count))


def _problem(
    name: str, parameters: Sequence[Categorical], seed: int, *, noise: float = 0.0
) -> Problem:
    values = draws(parameters, len(OBJECTIVES), seed)
    deviations = dict(zip(OBJECTIVES, (noise * values.std(axis=0)).tolist(), strict=True))
    return tabulated(
        name,
        parameters,
        dict.fromkeys(OBJECTIVES, Minimize),
        values[:, None],
        noise=deviations if noise else None,
    )
