"""Functions in closed form as if they were trained: bias and noise shrink with the epochs."""

import hashlib
import math

import torch
from botorch.test_functions.base import MultiObjectiveTestProblem
from botorch.test_functions.multi_objective import DTLZ2, ZDT1, BraninCurrin

from moopt.benchmarks.fidelity_problem import FidelityProblem
from moopt.study.objectives import Fidelity, Minimize, Objective
from moopt.study.parameters import Continuous, Parameters
from moopt.study.study import Study

EPOCHS = Fidelity("epochs", low=1, high=27)
SLOWEST = 2.0
"""Largest bias after one epoch, in reference points."""

NOISE = 0.02
"""Standard deviation after one epoch, in reference points."""


def branin_currin_curves() -> FidelityProblem:
    """Return two parameters and two objectives, both of which are learned."""
    return _curves("branin_currin_curves", BraninCurrin(), (18.0, 6.0))


def dtlz2_curves() -> FidelityProblem:
    """Return six parameters and a concave front in the middle of the cube."""
    return _curves("dtlz2_curves", DTLZ2(dim=6, num_objectives=2), (1.1, 1.1))


def zdt1_curves() -> FidelityProblem:
    """Return six parameters and a convex front at the edge of the cube."""
    return _curves("zdt1_curves", ZDT1(dim=6), (1.0, 3.0))


def _curves(
    name: str, function: MultiObjectiveTestProblem, references: tuple[float, ...]
) -> FidelityProblem:
    """Return a study in which some points come close to their values sooner than others."""
    bounds = torch.as_tensor(function.bounds, dtype=torch.float64)
    parameters = [Continuous(f"x{i}", *ends) for i, ends in enumerate(bounds.T.tolist())]
    names = [f"f{i}" for i in range(len(references))]

    def measure(values: Parameters, epochs: float) -> dict[str, float]:
        point = torch.tensor([float(str(values[each.name])) for each in parameters])
        unit = (point - bounds[0]) / (bounds[1] - bounds[0])
        ends = function(point.double()[None], noise=False)[0].tolist()
        pace = 0.5 + float(unit[0])
        unpaid = epochs**-pace - EPOCHS.high**-pace
        digest = hashlib.blake2b(repr((name, point.tolist(), epochs)).encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        drawn = torch.randn(len(names), generator=generator, dtype=torch.float64).tolist()
        found = {}
        for place, (each, end, reference) in enumerate(zip(names, ends, references, strict=True)):
            bias = SLOWEST * unpaid * float(unit[place]) * 0.5
            noise = NOISE * (1 / math.sqrt(epochs) - 1 / math.sqrt(EPOCHS.high))
            found[each] = end + reference * (bias + noise * drawn[place])
        return found

    study = Study(
        name,
        parameters=parameters,
        objectives=[
            Objective(each, Minimize, reference=reference)
            for each, reference in zip(names, references, strict=True)
        ],
        fidelity=EPOCHS,
    )
    return FidelityProblem(study, measure)
