"""What a piece of work costs: seconds, and energy where the machine tells.

    with metered("cuda:0") as cost:
        train()
    measurements["training_seconds"] = cost.seconds
    measurements["training_joules"] = cost.joules

Both are measured once: one run is one example, so there is no standard error, and the
search learns how much they vary.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

RAPL = Path("/sys/class/powercap")
"""Where Linux tells the energy of processors, if it lets this user read it."""

_Counter = Callable[[], float]
"""Joules since some moment."""


@dataclass(slots=True)
class Cost:
    """What a block took. It is filled in when the block has ended."""

    seconds: float = 0.0
    joules: float | None = None
    """What the whole device took meanwhile, other work on it included. None: it does not tell."""


@contextmanager
def metered(device: str = "cpu") -> Iterator[Cost]:
    """Measure what a block costs, also if it ends in an error.

    Energy is that of the GPU, by NVML (needs the package nvidia-ml-py), or on the device `cpu` that
    of all processors, by RAPL.
    """
    counter = _energy_counter(torch.device(device))
    cost = Cost()
    joules = None if counter is None else counter()
    began = time.perf_counter()
    try:
        yield cost
    finally:
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        cost.seconds = time.perf_counter() - began
        if counter is not None and joules is not None:
            cost.joules = counter() - joules


def _energy_counter(device: torch.device) -> _Counter | None:
    match device.type:
        case "cpu":
            return processor_energy(RAPL)
        case "cuda":
            return _gpu_energy(device)
    return None


def _gpu_energy(device: torch.device) -> _Counter | None:
    try:
        nvml = importlib.import_module("pynvml")
    except ModuleNotFoundError:
        return None
    try:
        nvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:  # older GPUs, or shares of one, have no counter
        return None
    return lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3


def processor_energy(folder: Path) -> _Counter | None:
    """Return a counter of the joules of all processors, or None where it cannot be read.

    Args:
        folder: With a folder `intel-rapl:<n>` for each processor.
    """
    # intel-rapl:0:1 is a part of intel-rapl:0
    zones = sorted(zone for zone in folder.glob("intel-rapl:*") if zone.name.count(":") == 1)
    try:
        last = [_microjoules(zone) for zone in zones]
        turns = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
    except (OSError, ValueError):
        return None
    if not zones:
        return None
    total = 0

    def joules() -> float:
        nonlocal total, last
        now = [_microjoules(zone) for zone in zones]
        # the counters start again at 0 when they are full, after an hour or so
        total += sum(
            (after - before) % turn for before, after, turn in zip(last, now, turns, strict=True)
        )
        last = now
        return total / 1e6

    return joules


def _microjoules(zone: Path) -> int:
    return int((zone / "energy_uj").read_text())
