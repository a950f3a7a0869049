"""How long a model takes to answer.

Measured is the median of many runs: other work on the machine makes single runs slow and none fast,
so that a mean would tell of the machine.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import betainc
from torch import Tensor

from moopt.evaluators.metrics.timing import REPETITIONS, WARM_UP, run_seconds, steady_clock


def latency_seconds(
    run: Callable[[], object],
    *,
    device: str = "cpu",
    warm_up: int = WARM_UP,
    repetitions: int = REPETITIONS,
) -> tuple[float, float]:
    """Return the median seconds of a run and the standard error of that median.

    They are seconds of the processor on a CPU, and seconds on the wall elsewhere: see
    `timing.steady_clock`.

    The standard error tells of the spread within this process. What differs from process to
    process, such as other programs on the machine, it cannot know.

    Args:
        run: What is timed, such as `lambda: model(**batch)` under `torch.inference_mode()`.
        device: Name of the torch device that it works on; it is waited for after each run.
        warm_up: Runs that do not count.
        repetitions: Runs that count, two or more.

    Raises:
        EvaluationError: There are fewer than two runs that count.
    """
    return median(
        run_seconds(
            run, device, warm_up=warm_up, repetitions=repetitions, clock=steady_clock(device)
        )
    )


def median(values: Float[Tensor, " n"]) -> tuple[float, float]:
    """Return the median of independent values and its standard error.

    The standard error is what a bootstrap with infinitely many draws gives for an odd number of
    values: a weighted spread of the sorted values, the middle ones weighing most.

    Source: Maritz and Jarrett, "A note on estimating the variance of the sample median", Journal of
    the American Statistical Association 73 (1978).

    Args:
        values: Two or more.
    """
    ordered = values.double().sort().values
    count = len(ordered)
    middle = (count + 1) / 2
    below = torch.from_numpy(betainc(middle, middle, np.linspace(0, 1, count + 1)))
    weights = below.diff()  # probability that the median of a resample is the i-th value
    centre = (weights * ordered).sum()
    variance = (weights * (ordered - centre).square()).sum()
    return ordered.quantile(0.5).item(), math.sqrt(variance.item())
