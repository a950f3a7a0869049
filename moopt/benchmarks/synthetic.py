"""Problems in closed form: the field's test functions."""

from collections.abc import Mapping

import torch
from botorch.test_functions.base import MultiObjectiveTestProblem
from botorch.test_functions.multi_objective import DTLZ2, ZDT1, BraninCurrin, VehicleSafety

from moopt.benchmarks.problem import Problem, minimizing
from moopt.study.parameters import Continuous, Parameters


def zdt1(dimension: int = 6) -> Problem:
    """Return ZDT1: a convex front at the edge of the cube.

    Source: Zitzler, Deb and Thiele, "Comparison of multiobjective evolutionary algorithms:
    empirical results", Evolutionary Computation 8 (2000).
    """
    return _from_botorch("zdt1", ZDT1(dim=dimension), trials=36)


def dtlz2(dimension: int = 6, objectives: int = 2) -> Problem:
    """Return DTLZ2: a concave front, an octant of a sphere, in the middle of the cube.

    Source: Deb, Thiele, Laumanns and Zitzler, "Scalable test problems for evolutionary
    multiobjective optimization", Evolutionary Multiobjective Optimization (2005).
    """
    return _from_botorch("dtlz2", DTLZ2(dim=dimension, num_objectives=objectives), trials=40)


def branin_currin() -> Problem:
    """Return the pair of the Branin and the Currin function.

    Source: Belakaria, Deshwal and Doppa, "Max-value entropy search for multi-objective Bayesian
    optimization", NeurIPS 2019.
    """
    return _from_botorch("branin_currin", BraninCurrin(), trials=30)


def noisy_branin_currin() -> Problem:
    """Return the pair with noise of about 5 % of each objective's range."""
    noise = {"branin": 15.19, "currin": 0.63}
    return _from_botorch("noisy_branin_currin", BraninCurrin(), trials=40, noise=noise)


def vehicle_safety() -> Problem:
    """Return the thickness of five parts of a car's frame, in mm, against three harms of a crash.

    Source: Tanabe and Ishibuchi, "An easy-to-use real-world multi-objective optimization problem
    suite", Applied Soft Computing 89 (2020).
    """
    return _from_botorch("vehicle_safety", VehicleSafety(), trials=36)


_OBJECTIVES = {
    BraninCurrin: ("branin", "currin"),
    VehicleSafety: ("mass", "acceleration", "intrusion"),
}
"""Names of the objectives, all minimised; others are called f0, f1, ..."""


def _from_botorch(
    name: str,
    function: MultiObjectiveTestProblem,
    *,
    trials: int,
    noise: Mapping[str, float] | None = None,
) -> Problem:
    """Return a problem with the bounds, references and best hypervolume that BoTorch gives it."""
    bounds = torch.as_tensor(function.bounds).T.tolist()
    parameters = [Continuous(f"x{column}", *ends) for column, ends in enumerate(bounds)]
    references = torch.as_tensor(function.ref_point).tolist()
    names = _OBJECTIVES.get(type(function), [f"f{column}" for column in range(len(references))])

    def true_values(values: Parameters) -> dict[str, float]:
        point = [values[parameter.name] for parameter in parameters]
        outcome = function(torch.tensor([point], dtype=torch.float64), noise=False)
        return dict(zip(names, outcome[0].tolist(), strict=True))

    study = minimizing(name, parameters, dict(zip(names, references, strict=True)))
    best = float(function.max_hv)
    return Problem(study, true_values, best=best, checkpoints=(trials,), noise=noise or {})
