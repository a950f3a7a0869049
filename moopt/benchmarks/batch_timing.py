"""How long many candidates at once take, and what they are worth: one measurement."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from moopt.benchmarks.one_thread import one_thread
from moopt.benchmarks.synthetic import dtlz2
from moopt.benchmarks.timing import DIMENSION, known_points, peak_mib
from moopt.optimizer import Optimizer
from moopt.protocols import Sampler
from moopt.samplers.bayesian import BayesianSampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.trials import Failure

WAYS: Mapping[str, Sampler] = {
    "in draws": BayesianSampler(initial_trials=1, large_batch=2),
    "one by one": BayesianSampler(initial_trials=1, acquisition="boxes"),
    "sobol": QuasiRandomSampler(),
}
"""How a batch is made."""


@dataclass(frozen=True, slots=True)
class Batch:
    """So many candidates, asked for at once."""

    way: str
    size: int
    trials: int = 200
    """That are known, half of them near the front."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a batch costs and brings."""

    seconds: float
    """Of CPU time; models are learned before."""

    peak_mib: float | None
    """Most memory that the process held. None: the system does not tell."""

    gain: float
    """Hypervolume that the batch adds, in percent of what there was."""


def made_batch(batch: Batch, seed: int = 0) -> Made:
    """Measure a batch in this process, which should be fresh."""
    problem = dtlz2(DIMENSION, 2)
    known = known_points(2, batch.trials, seed)
    with one_thread(seed):
        optimizer = Optimizer(problem.study, WAYS[batch.way], seed)
        for number, point in enumerate(known):
            told = problem.measure(point, number)
            if not isinstance(told, Failure):
                optimizer.tell(optimizer.attach(point).number, told)
        # The models are learned here, as they are between the batches of a run.
        WAYS[batch.way].propose(problem.study, optimizer.trials, 1, seed)
        start = time.process_time()
        asked = optimizer.ask(batch.size)
        seconds = time.process_time() - start
    volumes = problem.hypervolumes([*known, *(trial.parameters for trial in asked)])
    before, after = volumes[len(known) - 1], volumes[-1]
    return Made(seconds, peak_mib(), 100 * (after - before) / before)
