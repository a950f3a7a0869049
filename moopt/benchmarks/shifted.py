"""Problems with 20 to 100 inputs whose fronts lie inside the cube, where no search starts.

The test functions with many inputs have their fronts at the edge or in the middle of the cube, in
directions of the axes, which flatters whoever tries corners, centres or one input at a time. Here
the inputs that decide the distance from the front are shifted, rotated and weighted: few directions
matter much, none of them is an axis. The inputs that decide the place on the front stay.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.benchmarks.problem import Problem, Score, minimizing
from moopt.front.hypervolume import hypervolume
from moopt.study.parameters import Continuous, Parameters

LEAST_WEIGHT = 0.01
"""Of the direction that matters least; the largest is 1."""

TYPICAL_EXCESS = 3.0
"""Distance from the front, where it adds or multiplies, of a random point on average."""

REACH = 3.0
"""Reference of objectives that are at most 1 on the front and about 4 at random points."""

FRONT_POINTS = 10_001
CHECKPOINTS = (50, 100, 200)

Values = Callable[[Float[np.ndarray, " d"]], tuple[float, ...]]
"""From inputs to objectives."""


@dataclass(frozen=True, slots=True)
class Hill:
    """How far a point is from the front: 0 at one place inside the cube, rising all around."""

    optimum: Float[np.ndarray, " k"]
    axes: Float[np.ndarray, "k k"]
    """Orthogonal directions, one a row."""

    weights: Float[np.ndarray, " k"]
    scale: float

    @classmethod
    def of(cls, inputs: int, seed: int) -> "Hill":
        """Return the hill of a seed, whose mean over the cube is `TYPICAL_EXCESS`."""
        generator = np.random.default_rng([inputs, seed])
        optimum = generator.uniform(0.2, 0.8, inputs)
        axes, _ = np.linalg.qr(generator.standard_normal((inputs, inputs)))
        weights = np.geomspace(1.0, LEAST_WEIGHT, inputs)
        offset = 0.5 - optimum
        # The mean of (x - optimum)(x - optimum)' over the cube.
        moment = np.eye(inputs) / 12 + np.outer(offset, offset)
        mean = float(weights @ np.einsum("kl,lm,km->k", axes, moment, axes))
        return cls(optimum, axes, weights, TYPICAL_EXCESS / mean)

    def height(self, inputs: Float[np.ndarray, " k"]) -> float:
        """Return the distance."""
        turned = self.axes @ (inputs - self.optimum)
        return float(self.scale * (self.weights * turned**2).sum())


def shifted_zdt(kind: int, dimension: int) -> Problem:
    """Return a shifted ZDT1, ZDT2 or ZDT3.

    Source: Zitzler, Deb and Thiele, "Comparison of multiobjective evolutionary algorithms:
    empirical results", Evolutionary Computation 8 (2000).

    Args:
        kind: 1, 2 or 3.
        dimension: Inputs.
    """
    hill = Hill.of(dimension - 1, kind)

    def second(first: Float[np.ndarray, " n"], steepness: float) -> Float[np.ndarray, " n"]:
        share = first / steepness
        match kind:
            case 1:
                return np.asarray(steepness * (1 - np.sqrt(share)))
            case 2:
                return np.asarray(steepness * (1 - share**2))
            case _:
                waves = share * np.sin(10 * np.pi * first)
                return np.asarray(steepness * (1 - np.sqrt(share) - waves))

    def values(point: Float[np.ndarray, " d"]) -> tuple[float, ...]:
        return float(point[0]), float(second(point[:1], 1 + hill.height(point[1:]))[0])

    places = np.linspace(0.0, 1.0, FRONT_POINTS)
    front = np.stack([places, second(places, 1.0)], axis=1)
    references = {"f0": 1.1, "f1": REACH}
    best = hypervolume(-front, -np.array(list(references.values())))
    return _problem(f"shifted_zdt{kind}_{dimension}", dimension, references, values, best)


def shifted_dtlz2(dimension: int, objectives: int = 2) -> Problem:
    """Return a shifted DTLZ2.

    Source: Deb, Thiele, Laumanns and Zitzler, "Scalable test problems for evolutionary
    multiobjective optimization", Evolutionary Multiobjective Optimization (2005).
    """
    hill = Hill.of(dimension - objectives + 1, 10 + objectives)

    def values(point: Float[np.ndarray, " d"]) -> tuple[float, ...]:
        radius = 1 + hill.height(point[objectives - 1 :])
        found = []
        for angle in point[: objectives - 1] * math.pi / 2:
            found.append(radius * math.sin(angle))
            radius *= math.cos(angle)
        return (*found, radius)

    # The box less the part of the unit ball in it.
    ball = math.pi ** (objectives / 2) / math.gamma(objectives / 2 + 1) / 2**objectives
    references = {f"f{place}": REACH for place in range(objectives)}
    name = f"shifted_dtlz2_{dimension}"
    return _problem(name, dimension, references, values, REACH**objectives - ball)


def _problem(
    name: str,
    dimension: int,
    references: Mapping[str, float],
    values: Values,
    best: float,
) -> Problem:
    names = [f"x{place}" for place in range(dimension)]

    def true_values(parameters: Parameters) -> dict[str, float]:
        point = np.array([parameters[each] for each in names])
        return dict(zip(references, values(point), strict=True))

    study = minimizing(name, [Continuous(each, 0.0, 1.0) for each in names], references)
    return Problem(study, true_values, true_best=best, checkpoints=CHECKPOINTS, score=Score.SHARE)
