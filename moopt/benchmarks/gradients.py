"""What do gradients tell a Gaussian process, next to more values?

Run it with `python -m moopt.benchmarks.gradients --seeds 10`. Random functions of 2 to 16 inputs
are learned from as many random points as there are inputs, and from twice as many: from values
alone, from values and gradients, and from the values of three times as many points, which cost as
much if a backward pass takes twice as long as the loss. All have an error of 5 % of their spread.

Told is the error of predictions at random points, as a share of the spread of the function.
"""

import argparse
from collections.abc import Sequence
from statistics import fmean

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from moopt.benchmarks.draws import Draw, Kernel
from moopt.benchmarks.one_thread import one_thread
from moopt.encoding.space import SpaceEncoding
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.surrogates.features import Features
from moopt.surrogates.gaussian_process import GaussianProcess
from moopt.surrogates.gradients import with_gradients
from moopt.surrogates.selection import Measured, learned_process

INPUTS = (2, 4, 8, 16)
TIMES = (1, 2)
DEARER = 3
"""What a value and its gradient cost, in values."""

ERROR = 0.05
POINTS = 1000

OUT = Console(highlight=False, soft_wrap=True)


class Function:
    """A random function, its gradient, and measurements of both."""

    def __init__(self, kernel: Kernel, inputs: int, seed: int) -> None:
        self._draw = Draw.of(kernel, inputs, 1, seed)
        self._generator = torch.Generator().manual_seed(seed)
        self.inputs = inputs
        self.points = self._uniform(POINTS)
        self.values = self.at(self.points)
        self.spread = float(self.values.std())
        self._slope_error = ERROR * float(self._slopes(self.points).std())

    def at(self, points: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Return true values."""
        return self._draw.values(points)[:, 0]

    def measured(
        self, count: int
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"], Float[Tensor, "n d"]]:
        """Return random points with values and gradients as measured."""
        points = self._uniform(count)
        values = self.at(points)
        errors = torch.randn(count, self.inputs + 1, generator=self._generator).double()
        return (
            points,
            values + ERROR * self.spread * errors[:, 0],
            self._slopes(points) + self._slope_error * errors[:, 1:],
        )

    def processes(self, count: int) -> tuple[GaussianProcess, ...]:
        """Return what is learned from values, from gradients too, and from more values."""
        points, values, slopes = self.measured(DEARER * count)
        plain, more = (self._learned(points[:n], values[:n]) for n in (count, len(points)))
        errors = torch.full_like(slopes, self._slope_error)[:count]
        return plain, with_gradients(plain, points[:count], slopes[:count], errors), more

    def error(self, process: GaussianProcess) -> float:
        """Return the error of predictions, as a share of the spread of the function."""
        with torch.no_grad():
            away = process.measured(process.means(self.points)) - self.values
        return float(away.square().mean().sqrt()) / self.spread

    def _learned(self, points: Tensor, values: Tensor) -> GaussianProcess:
        parameters = [Continuous(f"x{place}", 0, 1) for place in range(self.inputs)]
        study = Study("draw", parameters=parameters, objectives=[Objective("f", Maximize)])
        features = Features.of(SpaceEncoding.of(study))
        errors = torch.full_like(values, ERROR * self.spread)
        return learned_process(Measured(features, points, values, errors), "matern")

    def _slopes(self, points: Tensor) -> Tensor:
        at = points.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(self._draw.values(at).sum(), at)
        return slopes

    def _uniform(self, count: int) -> Tensor:
        return torch.rand(count, self.inputs, generator=self._generator, dtype=torch.float64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, learn all functions and print how well they are predicted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many functions of a kind")
    parser.add_argument("--inputs", type=int, nargs="+", default=INPUTS, help="of a function")
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 1 or min(chosen.inputs) < 1:
        parser.error("needs a seed and at least one input")
    OUT.print(f"error of predictions, {chosen.seeds} functions of each kind")
    ways = ("values", "and gradients", f"{DEARER}x values")
    OUT.print(f"{'kind':<8}{'inputs':>7}{'points':>7}" + "".join(f"{each:>15}" for each in ways))
    for kernel in Kernel:
        for inputs in chosen.inputs:
            for count in (max(3, times * inputs) for times in TIMES):
                with one_thread(0):
                    found = [_errors(kernel, inputs, count, seed) for seed in range(chosen.seeds)]
                row = "".join(f"{fmean(each):>15.3f}" for each in zip(*found, strict=True))
                OUT.print(f"{kernel.value:<8}{inputs:>7}{count:>7}{row}")


def _errors(kernel: Kernel, inputs: int, count: int, seed: int) -> list[float]:
    function = Function(kernel, inputs, seed)
    return [function.error(each) for each in function.processes(count)]


if __name__ == "__main__":
    main()
