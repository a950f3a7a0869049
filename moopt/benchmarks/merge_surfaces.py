"""Losses and accuracies over merging coefficients as theory expects them, with a known front.

The loss of a merge is a quadratic of its coefficients near the base model, plus a remainder; the
accuracy is a sigmoid of it. Every surface is convex in the loss, so weighted sums find its front.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from moopt.benchmarks.problem import Problem, Score
from moopt.front.hypervolume import hypervolume
from moopt.front.reference_point import reference_point
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study

HIGHEST = 1.2
"""Largest coefficient; the smallest is 0, the base model."""

NOISE = 0.01
"""Standard deviation of a measurement, as a share of that of the true values over the space."""

FLOOR = 0.1
"""Smallest loss, in nats."""

WEIGHTS = 1_001
"""Points computed on the true front."""

STEPS = 400
TASKS = ("a", "b")


def loss_surface(experts: int) -> Problem:
    """Return two losses over as many coefficients as there are experts.

    Source: Li et al., "MAP: low-compute model merging with amortized Pareto fronts via quadratic
    approximation", ICLR 2025.
    """
    return _problem(f"loss_surface_{experts}", experts, accuracy=False)


def accuracy_surface(experts: int) -> Problem:
    """Return two accuracies over as many coefficients, sigmoids of the same surfaces."""
    return _problem(f"accuracy_surface_{experts}", experts, accuracy=True)


@dataclass(frozen=True, slots=True)
class Surface:
    """How much worse a task is than at its best merge: 0 there, 1 at the base model."""

    centre: Float[np.ndarray, " k"]
    """The best merge."""

    curvature: Float[np.ndarray, "k k"]
    axis: Float[np.ndarray, " k"]
    """The direction of the largest curvature, in which the surface is not symmetric."""

    skew: float
    """Factor of the cube along the axis: small enough for the surface to stay convex."""

    def excess(self, coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """Return the quadratic and its cubic remainder."""
        offset = coefficients - self.centre
        quadratic = np.einsum("nk,kl,nl->n", offset, self.curvature, offset)
        return np.asarray(quadratic + self.skew * (offset @ self.axis) ** 3)

    def gradient(self, coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
        """Return the derivatives of `excess`."""
        offset = coefficients - self.centre
        along = 3 * self.skew * (offset @ self.axis) ** 2
        return np.asarray(2 * offset @ self.curvature + along[:, None] * self.axis)


def surfaces(experts: int) -> tuple[Surface, ...]:
    """Return the surfaces of the two tasks, the same ones at every call."""
    return tuple(_surface(experts, seed) for seed in range(len(TASKS)))


def front_coefficients(tasks: tuple[Surface, ...]) -> Float[np.ndarray, "w k"]:
    """Return the merges on the front of two surfaces, by projected gradients on weighted sums."""
    first, second = tasks
    share = np.linspace(0.0, 1.0, WEIGHTS)[:, None]
    coefficients = share * first.centre + (1 - share) * second.centre
    # The cube adds at most six tenths to the largest curvature.
    steepest = max(3.2 * np.linalg.eigvalsh(each.curvature)[-1] for each in tasks)
    for _ in range(STEPS):
        downhill = share * first.gradient(coefficients) + (1 - share) * second.gradient(
            coefficients
        )
        coefficients = np.clip(coefficients - downhill / steepest, 0.0, HIGHEST)
    return np.asarray(coefficients)


def _problem(name: str, experts: int, *, accuracy: bool) -> Problem:
    tasks = surfaces(experts)
    kind, direction = ("accuracy", Maximize) if accuracy else ("loss", Minimize)
    names = [f"{kind}_{task}" for task in TASKS]

    def values(coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n m"]:
        excess = np.stack([task.excess(coefficients) for task in tasks], axis=1)
        return np.asarray(1 / (1 + np.exp(3 * excess - 2.5)) if accuracy else FLOOR + excess)

    coefficients = [f"coefficient_{expert}" for expert in range(experts)]

    def true_values(parameters: Parameters) -> Mapping[str, float]:
        point = np.array([[parameters[name] for name in coefficients]])
        return dict(zip(names, values(point)[0].tolist(), strict=True))

    base = values(np.zeros((1, experts)))[0]
    study = Study(
        name,
        parameters=[Continuous(each, 0.0, HIGHEST) for each in coefficients],
        objectives=[
            Objective(each, direction, reference=float(reference))
            for each, reference in zip(names, base, strict=True)
        ],
    )
    front = direction.sign * values(front_coefficients(tasks))
    everywhere = np.random.default_rng(0).uniform(0.0, HIGHEST, (4096, experts))
    spread = values(everywhere).std(axis=0)
    return Problem(
        study,
        true_values,
        true_best=hypervolume(front, reference_point(study)),
        checkpoints=tuple(experts * times for times in (3, 4, 5, 8)),
        score=Score.SHARE,
        noise={name: NOISE * float(each) for name, each in zip(names, spread, strict=True)},
    )


def _surface(experts: int, seed: int) -> Surface:
    generator = np.random.default_rng([experts, seed])
    # Each task is at its best with much of every other expert and little of the rest.
    wanted = np.arange(experts) % len(TASKS) == seed
    centre = np.where(wanted, 0.6, 0.0) + generator.uniform(0.0, 0.4, experts)
    axes, _ = np.linalg.qr(generator.standard_normal((experts, experts)))
    curvatures = np.geomspace(0.2, 1.0, experts)
    curvature = axes @ np.diag(curvatures) @ axes.T
    axis = axes[:, -1]
    # Along the axis, the second derivative is 2 (1 + 3 skew · distance): at least 0.8.
    furthest = np.where(axis > 0, HIGHEST - centre, centre) @ np.abs(axis)
    nearest = np.where(axis > 0, centre, HIGHEST - centre) @ np.abs(axis)
    raw = Surface(centre, curvature, axis, 0.2 / max(furthest, nearest))
    base = float(raw.excess(np.zeros((1, experts)))[0])
    return Surface(centre, curvature / base, axis, raw.skew / base)
