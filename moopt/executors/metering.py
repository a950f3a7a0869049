"""What an evaluation takes: time, memory, GPUs."""

import resource
import socket
import time
from pathlib import Path

from moopt.executors.raised import initialized_cuda
from moopt.study.usage import Usage

_RESET_PEAK = "5"
"""Written to clear_refs, it sets the peak of the resident memory to what there is now."""


class Meter:
    """Measures from its making on.

    Args:
        device: Name of the torch device that the evaluation was given.
        gpus: How many GPUs, or which share of one, it has to itself.
    """

    def __init__(self, device: str, gpus: float) -> None:
        self._device = device
        self._gpus = gpus
        self._resets = _reset_peak_memory()
        cuda = initialized_cuda()
        if cuda is not None:
            cuda.reset_peak_memory_stats()
        self._cpu_seconds = _cpu_seconds()
        self._began = time.perf_counter()

    def usage(self) -> Usage:
        """Return what it was so far."""
        wall = time.perf_counter() - self._began
        cuda = initialized_cuda()
        return Usage(
            wall_seconds=wall,
            cpu_seconds=_cpu_seconds() - self._cpu_seconds,
            gpu_seconds=wall * self._gpus,
            peak_memory=_peak_memory() if self._resets else None,
            peak_gpu_memory=None if cuda is None else int(cuda.max_memory_allocated()),
            host=socket.gethostname(),
            device=self._device,
        )


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _reset_peak_memory() -> bool:
    """Forget the peak of this process, where the kernel can (Linux), and say whether it did."""
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def _peak_memory() -> int | None:
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
