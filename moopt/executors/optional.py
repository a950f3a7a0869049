"""The executor of a package that may be missing: loaded when it is asked for."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from moopt.errors import MissingDependencyError
from moopt.protocols import Executor


@runtime_checkable
class ClusterExecutor(Executor, Protocol):
    """An executor that can say where it runs."""

    @property
    def description(self) -> str:
        """Where the workers are, for people."""
        ...


def ray_executor(
    study_file: Path,
    *,
    directory: Path,
    workers: int | None,
    gpus_per_trial: float | None,
    timeout: float | None,
    address: str | None,
    patience: float | None,
    cpus_per_trial: int = 1,
    memory_limit: int | None = None,
) -> ClusterExecutor:
    """Return a `moopt.executors.ray_cluster.RayExecutor`, which says what the arguments mean.

    Raises:
        MissingDependencyError: Ray is not installed.
    """
    try:
        module = importlib.import_module("moopt.executors.ray_cluster")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"ray", "grpc"}:
            raise
        raise MissingDependencyError(
            "trials on a cluster need the package ray, which is not installed; "
            "pip install 'moopt[ray]'"
        ) from error
    make: Callable[..., ClusterExecutor] = module.RayExecutor
    return make(
        study_file,
        directory=directory,
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        timeout=timeout,
        address=address,
        patience=patience,
        cpus_per_trial=cpus_per_trial,
        memory_limit=memory_limit,
    )
