"""Problems in closed form: the field's test functions, in the implementation of BoTorch.

Where BoTorch knows the hypervolume of the front it is taken from there: exact for ZDT and DTLZ2,
found by long runs of NSGA-II for the others, which a search may pass by a little.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from botorch.test_functions.base import ConstrainedBaseTestProblem, MultiObjectiveTestProblem
from botorch.test_functions.multi_objective import (
    DTLZ2,
    DTLZ7,
    ZDT1,
    ZDT2,
    ZDT3,
    BraninCurrin,
    CarSideImpact,
    ConstrainedBraninCurrin,
    VehicleSafety,
)

from moopt.benchmarks.problem import Noise, Problem, minimizing
from moopt.front.hypervolume import hypervolume
from moopt.study.objectives import OutcomeConstraint
from moopt.study.parameters import Continuous, Parameters


def zdt1(dimension: int = 6) -> Problem:
    """Return ZDT1: a convex front at the edge of the cube.

    Source: Zitzler, Deb and Thiele, "Comparison of multiobjective evolutionary algorithms:
    empirical results", Evolutionary Computation 8 (2000).
    """
    return from_botorch("zdt1", ZDT1(dim=dimension), trials=36)


def zdt2(dimension: int = 8) -> Problem:
    """Return ZDT2: a concave front at the edge of the cube. Source: as for `zdt1`."""
    return from_botorch("zdt2", ZDT2(dim=dimension), trials=80)


def zdt3(dimension: int = 6) -> Problem:
    """Return ZDT3: a front of five pieces at the edge of the cube. Source: as for `zdt1`."""
    return from_botorch("zdt3", ZDT3(dim=dimension), trials=80)


def dtlz2(dimension: int = 6, objectives: int = 2) -> Problem:
    """Return DTLZ2: a concave front, an octant of a sphere, in the middle of the cube.

    With two objectives its name is `dtlz2`, with three `dtlz2_3`, and so on.

    Source: Deb, Thiele, Laumanns and Zitzler, "Scalable test problems for evolutionary
    multiobjective optimization", Evolutionary Multiobjective Optimization (2005).
    """
    name, trials = ("dtlz2", 40) if objectives == 2 else (f"dtlz2_{objectives}", 80)
    return from_botorch(name, DTLZ2(dim=dimension, num_objectives=objectives), trials=trials)


def dtlz7(dimension: int = 7) -> Problem:
    """Return DTLZ7 with three objectives: a front of four pieces at the edge of the cube.

    Source: as for `dtlz2`.
    """
    first, second = np.meshgrid(*2 * [np.linspace(0.0, 1.0, FRONT_POINTS)])
    hills = sum(each / 2 * (1 + np.sin(3 * np.pi * each)) for each in (first, second))
    front = np.stack([first, second, 2 * (3 - hills)], axis=-1).reshape(-1, 3)
    # Worse than 1.1 in the first two is no point; BoTorch's 15 there would hide the front.
    references = (1.1, 1.1, 15.0)
    function = DTLZ7(dim=dimension, num_objectives=3)
    best = hypervolume(-front, -np.array(references))
    return from_botorch("dtlz7", function, trials=80, references=references, best=best)


def branin_currin() -> Problem:
    """Return the pair of the Branin and the Currin function.

    Source: Belakaria, Deshwal and Doppa, "Max-value entropy search for multi-objective Bayesian
    optimization", NeurIPS 2019.
    """
    return from_botorch("branin_currin", BraninCurrin(), trials=30)


def vehicle_safety() -> Problem:
    """Return the thickness of five parts of a car's frame, in mm, against three harms of a crash.

    Source: Tanabe and Ishibuchi, "An easy-to-use real-world multi-objective optimization problem
    suite", Applied Soft Computing 89 (2020).
    """
    return from_botorch("vehicle_safety", VehicleSafety(), trials=36)


def car_side_impact() -> Problem:
    """Return the thickness of seven parts of a car's frame against four harms of its weight.

    Source: as for `vehicle_safety`.
    """
    return from_botorch("car_side_impact", CarSideImpact(), trials=80)


FRONT_POINTS = 201
"""Along each axis of the front of DTLZ7."""

_OBJECTIVES = {
    BraninCurrin: ("branin", "currin"),
    ConstrainedBraninCurrin: ("branin", "currin"),
    VehicleSafety: ("mass", "acceleration", "intrusion"),
}
"""Names of the objectives, all minimised; others are called f0, f1, ..."""


def from_botorch(
    name: str,
    function: MultiObjectiveTestProblem,
    *,
    trials: int,
    noise: Noise | None = None,
    known_noise: bool = False,
    references: Sequence[float] | None = None,
    best: float | None = None,
) -> Problem:
    """Return a function of BoTorch's as a problem, with its constraints where it has some.

    Args:
        name: Of the study.
        function: With bounds.
        trials: Budget.
        noise: Standard deviations. None: exact.
        known_noise: Whether measurements come with them.
        references: For each objective. None: those that BoTorch gives.
        best: Hypervolume of the front. None: the one that BoTorch gives.
    """
    bounds = torch.as_tensor(function.bounds).T.tolist()
    parameters = [Continuous(f"x{column}", *ends) for column, ends in enumerate(bounds)]
    references = references or torch.as_tensor(function.ref_point).tolist()
    names = _OBJECTIVES.get(type(function), [f"f{column}" for column in range(len(references))])
    limited = function if isinstance(function, ConstrainedBaseTestProblem) else None
    slacks = [f"slack{place}" for place in range(limited.num_constraints if limited else 0)]

    def true_values(values: Parameters) -> Mapping[str, float]:
        point = torch.tensor(
            [[values[parameter.name] for parameter in parameters]], dtype=torch.float64
        )
        outcomes = function(point, noise=False)[0].tolist()
        if limited is not None:
            outcomes += limited.evaluate_slack_true(point)[0].tolist()
        return dict(zip((*names, *slacks), outcomes, strict=True))

    return Problem(
        minimizing(
            name,
            parameters,
            dict(zip(names, references, strict=True)),
            [OutcomeConstraint(each, at_least=0.0) for each in slacks],
        ),
        true_values,
        true_best=float(function.max_hv) if best is None else best,
        checkpoints=(trials,),
        noise=noise or {},
        known_noise=known_noise,
    )
