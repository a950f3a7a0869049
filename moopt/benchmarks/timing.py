"""How long a search takes to propose a trial, and how much memory it needs: one measurement.

The search learns half of its trials from a Sobol sequence and half near the true front, as they lie
late in a run; then it proposes trials and learns from them, as a run does.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.peers import Apart, cpu_seconds
from moopt.benchmarks.searches import search_named
from moopt.benchmarks.synthetic import dtlz2
from moopt.study.parameters import Parameters

DIMENSION = 6
SPREAD = 0.02
"""Standard deviation of the points near the front around it, in each parameter that leaves it."""

STATUS = Path("/proc/self/status")
"""Where Linux tells a process of its memory."""


@dataclass(frozen=True, slots=True)
class Case:
    """A search and the trials that it has learned."""

    search: str
    objectives: int
    trials: int
    calls: int = 10
    """Trials proposed after the first one."""

    dimension: int = DIMENSION


@dataclass(frozen=True, slots=True)
class Timing:
    """What a case costs."""

    first: float
    """CPU seconds of the first proposal, everything loaded for it included."""

    further: float
    """CPU seconds of the later ones, median."""

    peak_mib: float | None
    """Most memory that the process held. None: the system does not tell."""


def timing(case: Case, seed: int = 0) -> Timing:
    """Measure a case in this process, which should be fresh.

    Raises:
        SelectionError: There is no search of that name.
        MissingDependencyError: A peer is not installed.
    """
    problem = dtlz2(case.dimension, case.objectives)
    seconds = []
    with one_thread(seed):
        # The known trials are beginning enough: nobody adds initial points of its own.
        search = search_named(case.search, problem.study, seed, initial_trials=1)
        for number, point in enumerate(
            known_points(case.objectives, case.trials, seed, dimension=case.dimension)
        ):
            search.attach(point, problem.measure(point, number))
        for number in range(1 + case.calls):
            start = cpu_seconds(search)
            point = search.ask()
            seconds.append(cpu_seconds(search) - start)
            search.tell(number, problem.measure(point, case.trials + number))
        apart = search.peak_mib if isinstance(search, Apart) else None
    return Timing(seconds[0], median(seconds[1:]), peak_mib() if apart is None else apart)


def known_points(
    objectives: int, count: int, seed: int = 0, *, dimension: int = DIMENSION
) -> list[Parameters]:
    """Return points of DTLZ2: half a Sobol sequence, half near the front."""
    everywhere = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
    points = everywhere.draw(count, dtype=torch.float64).numpy()
    generator = np.random.default_rng(seed)
    near = points[count // 2 :, objectives - 1 :]
    near[:] = np.clip(0.5 + SPREAD * generator.standard_normal(near.shape), 0.0, 1.0)
    return [{f"x{column}": float(value) for column, value in enumerate(row)} for row in points]


def peak_mib() -> float | None:
    """Return the most memory that this process has held. None: the system does not tell."""
    if not STATUS.exists():
        return None
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024
