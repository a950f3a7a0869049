"""How much memory a piece of work needs at its worst moment."""

import threading
from collections.abc import Callable

import psutil
import torch

from moopt.errors import EvaluationError

GIB = 2**30
INTERVAL = 0.002
"""Seconds between two looks at the memory of the process."""


def peak_memory_gib(
    run: Callable[[], object], *, device: str = "cpu", repetitions: int = 5
) -> tuple[float, float]:
    """Return the most memory that was taken while a run went on, in GiB, and the standard error.

    On a GPU it is what tensors took there at once, as PyTorch counts it. In main memory it is what
    the whole process took, libraries and all, looked at every few milliseconds; memory that earlier
    work has left with the process counts too, so measure in a process that did nothing larger.

    A first run that does not count fills caches. The standard error is that of the mean over the
    runs that count: 0 on a GPU as a rule, where equal runs take equal memory.

    Args:
        run: What takes memory, such as one batch through a model.
        device: Name of the torch device that it works on, `cpu` or a CUDA one.
        repetitions: Runs that count, two or more.

    Raises:
        EvaluationError: The device keeps no such account, or there are fewer than two runs.
    """
    if repetitions < 2:
        raise EvaluationError(
            f"a spread needs two or more repetitions, got repetitions={repetitions}"
        )
    measure: Callable[[Callable[[], object]], int]
    match torch.device(device).type:
        case "cpu":
            measure = _main_memory
        case "cuda":
            measure = _gpu_memory(torch.device(device))
        case other:
            raise EvaluationError(
                f"peak memory is measured on cpu and cuda devices, got {device!r} ({other})"
            )
    run()
    peaks = torch.tensor([measure(run) for _ in range(repetitions)]).double() / GIB
    return peaks.mean().item(), peaks.std().item() / repetitions**0.5


def _gpu_memory(device: torch.device) -> Callable[[Callable[[], object]], int]:
    def measure(run: Callable[[], object]) -> int:
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device)

    return measure


def _main_memory(run: Callable[[], object]) -> int:
    # the kernel's own peak is not reset here: who runs the trial reads it for the trial's record
    process, done, peak = psutil.Process(), threading.Event(), 0

    def watch() -> None:
        nonlocal peak
        while not done.wait(INTERVAL):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    peak = process.memory_info().rss
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    return max(peak, process.memory_info().rss)
