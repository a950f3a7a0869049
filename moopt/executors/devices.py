"""Which GPUs there are, and which worker gets which.

GPUs go by their UUIDs: CUDA and nvidia-smi count them in different orders. A worker sees its own
only (`CUDA_VISIBLE_DEVICES`), so for torch the first of them is always `cuda:0`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from moopt.errors import ExecutorError
from moopt.executors.control_groups import cpu_quota

VISIBLE = "CUDA_VISIBLE_DEVICES"

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)
"""Read once, when the libraries load: they have to be there before."""

_LISTED = re.compile(r"^(?P<part> +)?\S.*\(UUID: (?P<uuid>(?:GPU|MIG)-\S+)\)")


def available_gpus() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    granted = os.environ.get(VISIBLE)
    if granted is not None:
        names = [name.strip() for name in granted.split(",")]
        # CUDA ignores whatever comes after an entry that is no device.
        return tuple(names[: next((i for i, n in enumerate(names) if n in {"", "-1"}), len(names))])
    if shutil.which("nvidia-smi") is None:
        return ()
    listing = subprocess.run(
        ["/usr/bin/env", "nvidia-smi", "-L"], capture_output=True, text=True, check=False
    )
    return listed_gpus(listing.stdout) if listing.returncode == 0 else ()


def listed_gpus(listing: str) -> tuple[str, ...]:
    """Return the UUIDs in the output of `nvidia-smi -L`; of a divided GPU, those of its parts."""
    found: list[str] = []
    for line in listing.splitlines():
        match = _LISTED.match(line)
        if match is None:
            continue
        if match["part"] and found and found[-1].startswith("GPU-"):
            found.pop()
        found.append(match["uuid"])
    return tuple(found)


def share_gpus(workers: int, gpus_per_trial: float, gpus: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the GPUs of each worker.

    Args:
        workers: How many there are.
        gpus_per_trial: A whole number, or a share such as 0.5: then two workers share a GPU.
        gpus: What there is to share.

    Raises:
        ExecutorError: There are too few GPUs, or the number is neither whole nor below one.
    """
    if gpus_per_trial == 0:
        return [()] * workers
    whole = gpus_per_trial >= 1
    if gpus_per_trial < 0 or (whole and gpus_per_trial != int(gpus_per_trial)):
        raise ExecutorError(
            f"a trial takes a whole number of GPUs or a share below 1, got {gpus_per_trial:g}"
        )
    each = int(gpus_per_trial) if whole else 1
    room = len(gpus) // each if whole else len(gpus) * int(1 / gpus_per_trial + 1e-9)
    if workers > room:
        raise ExecutorError(
            f"{workers} workers with {gpus_per_trial:g} GPUs each are too many for the {len(gpus)} "
            f"GPUs that nvidia-smi and {VISIBLE} show; there is room for {room}"
        )
    if whole:
        return [tuple(gpus[i * each : (i + 1) * each]) for i in range(workers)]
    return [(gpus[index % len(gpus)],) for index in range(workers)]


def device_name(gpus: Sequence[str]) -> str:
    """Return the name of the torch device of a worker with these GPUs."""
    return "cuda:0" if gpus else "cpu"


def usable_cores() -> int:
    """Return how many cores this process may keep busy: of a container, its share."""
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def worker_environment(gpus: Sequence[str], threads: int = 1) -> Mapping[str, str]:
    """Return the environment of a worker: threads for linear algebra, its GPUs and no other.

    A worker without a GPU sees what this process sees.
    """
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    return environment | {VISIBLE: ",".join(gpus)} if gpus else environment
