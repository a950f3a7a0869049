"""How long a piece of work takes, run after run."""

import time
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import EvaluationError

WARM_UP = 3
REPETITIONS = 30


def run_seconds(
    run: Callable[[], object],
    device: str,
    *,
    warm_up: int,
    repetitions: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Float[Tensor, " n"]:
    """Return the seconds of each run, without those that only warm up.

    A GPU works behind the back of the process, so each run ends when its device has no work left.

    Args:
        run: What is timed, such as one batch through a model.
        device: Name of the torch device that it works on.
        warm_up: Runs that do not count: they compile, fill caches and raise the clock.
        repetitions: Runs that count, two or more.
        clock: Tells seconds; those on the wall unless given.

    Raises:
        EvaluationError: There are fewer than two runs that count.
    """
    if repetitions < 2:
        raise EvaluationError(
            f"a spread needs two or more repetitions, got repetitions={repetitions}"
        )
    wait = _synchronisation(device)
    for _ in range(warm_up):
        run()
    seconds = []
    for _ in range(repetitions):
        wait()
        began = clock()
        run()
        wait()
        seconds.append(clock() - began)
    return torch.tensor(seconds, dtype=torch.float64)


def steady_clock(device: str) -> Callable[[], float]:
    """Return the clock whose seconds depend least on what else a machine does.

    On a CPU it counts the time that processors work for this process. Where other processes want
    the same processors, a run waits its turn, and the clock on the wall counts the waiting: it
    tells of the machine. What is left are the caches that they share. Work in several threads
    counts once for each, so compare only what ran with equal numbers of them. Elsewhere the
    processor only waits for the device, and it is the clock on the wall.

    Args:
        device: Name of the torch device that does the work.
    """
    return time.process_time if torch.device(device).type == "cpu" else time.perf_counter


def _synchronisation(device: str) -> Callable[[], None]:
    """Return what waits until a device has done all that it was given."""
    kind = torch.device(device)
    match kind.type:
        case "cuda":
            return lambda: torch.cuda.synchronize(kind)
        case "mps":
            return torch.mps.synchronize
        case "xpu":
            return lambda: torch.xpu.synchronize(kind)
    return lambda: None
