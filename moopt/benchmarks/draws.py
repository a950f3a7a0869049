"""Random functions, on which a search may be tuned at will: draws from Gaussian processes.

Each objective is a sum of random Fourier features of its kernel, the same at every call. Another
seed is another problem. `best` is what gradient descent from many points finds, on many weighted
sums of the objectives' ways down and on the largest of them; a search may pass it by a little.

Source: Rahimi and Recht, "Random features for large-scale kernel machines", NeurIPS 2007.
"""

import enum
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import qmc
from torch import Tensor

from moopt.benchmarks.problem import Problem, Score, minimizing
from moopt.front.hypervolume import hypervolume
from moopt.study.parameters import Continuous, Parameters

FEATURES = 512
NOISE = 0.05
"""Standard deviation of one measurement, as a share of that of the objective over the space."""

REFERENCE_QUANTILE = 0.7
"""Of random points, so many are better than the reference in one objective."""

POINTS = 2048
"""Over which the space is looked at, and from the best of which gradients start."""

DIRECTIONS = 96
STEPS = 150
CHECKPOINTS = (20, 40, 80)


class Kernel(enum.Enum):
    """How rough a draw is."""

    MATERN = "matern"
    """Twice differentiable."""

    RBF = "rbf"
    """Smooth."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Functions on the unit cube, as sums of cosines."""

    frequencies: Float[Tensor, "m f d"]
    phases: Float[Tensor, "m f"]
    weights: Float[Tensor, "m f"]

    @classmethod
    def of(cls, kernel: Kernel, dimension: int, objectives: int, seed: int) -> "Draw":
        """Return the functions of a seed, each with a length scale of its own for each input."""
        generator = np.random.default_rng([dimension, objectives, seed])
        shape = (objectives, FEATURES, dimension)
        # Inputs differ in how much they matter, as those of real problems do.
        scales = 0.25 * math.sqrt(dimension) * generator.lognormal(0.0, 0.75, shape[::2])
        frequencies = generator.standard_normal(shape) / scales[:, None]
        if kernel is Kernel.MATERN:
            # The spectrum of the Matérn kernel of order 5/2 is Student's, with 5 degrees.
            spread = generator.chisquare(5, (objectives, FEATURES, 1)) / 5
            frequencies = frequencies / np.sqrt(spread)
        phases = generator.uniform(0.0, 2 * np.pi, shape[:2])
        weights = generator.standard_normal(shape[:2]) * math.sqrt(2 / FEATURES)
        return cls(*(torch.from_numpy(each) for each in (frequencies, phases, weights)))

    def values(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Return every function at every point."""
        inner = torch.einsum("mfd,nd->nmf", self.frequencies, points)
        return torch.einsum("mf,nmf->nm", self.weights, torch.cos(inner + self.phases))


def draw_name(
    kernel: Kernel, dimension: int, objectives: int, *, seed: int, noisy: bool = False
) -> str:
    """Return what a draw is called, such as `draw_matern_2_2_0` or `draw_rbf_6_2_noisy_1`."""
    return f"draw_{kernel.value}_{dimension}_{objectives}_{'noisy_' if noisy else ''}{seed}"


def gaussian_process_draw(
    kernel: Kernel, dimension: int, objectives: int, *, seed: int, noisy: bool = False
) -> Problem:
    """Return random functions to be minimized over the unit cube.

    Args:
        kernel: Of all objectives.
        dimension: Inputs.
        objectives: Independent functions.
        seed: Which functions.
        noisy: Whether measurements have noise.
    """
    draw = Draw.of(kernel, dimension, objectives, seed)
    names = [f"x{place}" for place in range(dimension)]
    outcomes = [f"f{place}" for place in range(objectives)]

    def true_values(parameters: Parameters) -> dict[str, float]:
        point = torch.tensor([[parameters[name] for name in names]], dtype=torch.float64)
        return dict(zip(outcomes, draw.values(point)[0].tolist(), strict=True))

    sobol = qmc.Sobol(dimension, seed=np.random.default_rng(seed))
    points = torch.from_numpy(sobol.random(POINTS))
    values = torch.cat([draw.values(each) for each in points.split(256)])
    references = torch.quantile(values, REFERENCE_QUANTILE, dim=0).numpy()

    @cache
    def best() -> float:
        found = np.concatenate([values.numpy(), descended(draw, points, values).numpy()])
        return hypervolume(-found, -references)

    name = draw_name(kernel, dimension, objectives, seed=seed, noisy=noisy)
    spread = values.std(dim=0).tolist()
    return Problem(
        minimizing(
            name,
            [Continuous(each, 0.0, 1.0) for each in names],
            dict(zip(outcomes, references.tolist(), strict=True)),
        ),
        true_values,
        true_best=best,
        checkpoints=CHECKPOINTS,
        score=Score.SHARE,
        noise={o: NOISE * s for o, s in zip(outcomes, spread, strict=True)} if noisy else {},
    )


def descended(
    draw: Draw, points: Float[Tensor, "n d"], values: Float[Tensor, "n m"]
) -> Float[Tensor, "k m"]:
    """Return what gradients reach, one point for each direction, from the best of the points.

    Each goes down the largest weighted objective, which reaches fronts of every shape.
    """
    low, high = values.min(dim=0).values, values.max(dim=0).values
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.ones(values.shape[1]), DIRECTIONS)
    # Reciprocals: where all weighted objectives are equal they are spread evenly over the front.
    weights = torch.from_numpy(1 / np.maximum(shares, 0.01))

    def largest(found: Float[Tensor, "... m"]) -> Float[Tensor, "..."]:
        scaled = weights * (found - low) / (high - low)
        return scaled.max(dim=-1).values + 0.01 * scaled.sum(dim=-1)

    here = points[largest(values[:, None]).argmin(dim=0)].clone().requires_grad_()
    optimizer = torch.optim.Adam([here], lr=0.01)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - step / STEPS)
        optimizer.zero_grad()
        largest(draw.values(here)).sum().backward()
        optimizer.step()
        with torch.no_grad():
            here.clamp_(0.0, 1.0)
    return draw.values(here.detach())
