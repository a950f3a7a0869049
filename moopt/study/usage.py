"""What an evaluation took, and where it ran."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What one evaluation took, from the call of the evaluator to its end."""

    wall_seconds: float
    cpu_seconds: float
    """Of the worker process and of the children that it waited for."""

    gpu_seconds: float
    """Wall seconds times the GPUs, or shares of one, that the trial had to itself."""

    peak_memory: int | None
    """Most bytes of main memory that the worker process held. None: cannot be had here."""

    peak_gpu_memory: int | None
    """Most bytes that torch allocated on the GPU. None: torch used none."""

    host: str
    device: str
    """Name of the torch device, such as `cpu` or `cuda:0`."""
