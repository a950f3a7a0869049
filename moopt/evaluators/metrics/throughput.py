"""How many examples or tokens a model gets through in a second."""

from collections.abc import Callable

from moopt.evaluators.metrics.latency import median
from moopt.evaluators.metrics.timing import REPETITIONS, WARM_UP, run_seconds


def throughput_per_second(
    run: Callable[[], object],
    items: int,
    *,
    device: str = "cpu",
    warm_up: int = WARM_UP,
    repetitions: int = REPETITIONS,
) -> tuple[float, float]:
    """Return how many items a second a run gets through, and the standard error.

    It is the number of items over the median seconds of a run; the standard error is that of the
    median, carried over to first order.

    Args:
        run: What is timed, such as one large batch through a model.
        items: How many examples or tokens one run gets through.
        device: Name of the torch device that it works on; it is waited for after each run.
        warm_up: Runs that do not count.
        repetitions: Runs that count, two or more.

    Raises:
        EvaluationError: There are fewer than two runs that count.
    """
    seconds, error = median(run_seconds(run, device, warm_up=warm_up, repetitions=repetitions))
    return items / seconds, items * error / seconds**2
