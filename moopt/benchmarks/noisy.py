"""Functions in closed form that are measured with noise: unknown, known, and unlike everywhere.

The noise is 2 to 10 % of the range over which the objectives are of interest. Where it is known,
every measurement comes with its standard error.
"""

from botorch.test_functions.multi_objective import DTLZ2, DTLZ7, ZDT1, ZDT3, BraninCurrin

from moopt.benchmarks.problem import Noise, Problem
from moopt.benchmarks.synthetic import dtlz7, from_botorch
from moopt.study.parameters import Parameters


def noisy_branin_currin() -> Problem:
    """Return Branin and Currin with noise of about 5 % of each objective's range."""
    noise = {"branin": 15.19, "currin": 0.63}
    return from_botorch("noisy_branin_currin", BraninCurrin(), trials=40, noise=noise)


def noisy_dtlz7() -> Problem:
    """Return DTLZ7 with noise that nobody tells."""
    exact = dtlz7()
    return from_botorch(
        "noisy_dtlz7",
        DTLZ7(dim=len(exact.study.parameters), num_objectives=3),
        trials=80,
        noise={"f0": 0.02, "f1": 0.02, "f2": 0.3},
        references=[each.reference or 0.0 for each in exact.study.objectives],
        best=exact.best,
    )


def known_noise_dtlz2(objectives: int) -> Problem:
    """Return DTLZ2 whose measurements come with a standard error of 0.05."""
    return from_botorch(
        f"known_noise_dtlz2_{objectives}",
        DTLZ2(dim=4 + objectives, num_objectives=objectives),
        trials=80,
        noise={f"f{place}": 0.05 for place in range(objectives)},
        known_noise=True,
    )


def heteroscedastic_zdt1() -> Problem:
    """Return ZDT1 with noise that grows tenfold along its front, which nobody tells."""
    return from_botorch(
        "heteroscedastic_zdt1", ZDT1(dim=6), trials=80, noise=growing_noise(0.01, 0.1)
    )


def heteroscedastic_zdt3() -> Problem:
    """Return ZDT3 with noise that grows tenfold along its front, and is told."""
    return from_botorch(
        "heteroscedastic_zdt3",
        ZDT3(dim=6),
        trials=80,
        noise=growing_noise(0.01, 0.1),
        known_noise=True,
    )


def growing_noise(low: float, high: float) -> Noise:
    """Return standard deviations of two objectives that grow linearly with `x0`, from 0 to 1."""

    def deviations(parameters: Parameters) -> dict[str, float]:
        deviation = low + (high - low) * float(parameters["x0"])
        return {"f0": deviation, "f1": deviation}

    return deviations
