"""The connection of this process to Ray: made quietly, taken back completely."""

import contextlib
import importlib
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from moopt.errors import ExecutorError
from moopt.executors.ray_address import LOCAL, authentication
from moopt.executors.ray_room import Cluster
from moopt.executors.study_bundle import Bundle, pack

_OBJECT_STORE_BYTES = 100_000_000
"""Of a cluster of one's own: only trials and measurements go through it."""

_VARIABLES: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
}
"""Set where the user has not: nobody is told of the run, no warning of a change to come, and what
we ship replaces what a Ray job was submitted with."""

_WORKER_MODULE = "ray._private.worker"
_PRINT = "print_to_stdstream"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to Ray, of which a process has one."""

    address: str
    """Where its head answers, `local` for a cluster of one's own."""

    changed: contextlib.ExitStack
    """Takes back what was changed in this process."""

    def cluster(self) -> Cluster:
        """Return what the cluster has now."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return Cluster(nodes, ray.available_resources())

    def close(self) -> None:
        """Leave the cluster, or end it if it is one's own. Actors that were started end."""
        ray.shutdown()
        self.changed.close()


def connect(address: str, bundle: Bundle, *, cpus: int) -> Connection:
    """Connect to a cluster, or start one on this machine, and ship a study to it.

    Args:
        address: As `resolved` returns it.
        bundle: What is shipped, with moopt itself.
        cpus: How many a cluster of one's own shall have at least.

    Raises:
        ExecutorError: It is not there, refuses the token, is another version of Ray or Python, or
            this process is connected already.
    """
    if ray.is_initialized():
        raise ExecutorError(
            "this process is connected to Ray already, and it can be once only; close the other "
            "executor, or call ray.shutdown() first"
        )
    with contextlib.ExitStack() as stack:
        unset = {name: value for name, value in _VARIABLES.items() if name not in os.environ}
        stack.enter_context(_environment({**unset, **authentication(address)}))
        _read_again()
        stack.enter_context(_silence())
        with tempfile.TemporaryDirectory(prefix="moopt-") as staged, _own_signals():
            pack(bundle, Path(__file__).parents[1], Path(staged))
            try:
                ray.init(
                    address=address,
                    runtime_env={"working_dir": staged},
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    num_cpus=max(cpus, os.cpu_count() or 1) if address == LOCAL else None,
                    object_store_memory=_OBJECT_STORE_BYTES if address == LOCAL else None,
                    include_dashboard=False if address == LOCAL else None,
                )
            # Ray raises errors of many kinds here, without a class in common.
            except (RayError, RuntimeError, ValueError, OSError) as error:
                ray.shutdown()
                raise ExecutorError(_refusal(address, error)) from error
        return Connection(address, stack.pop_all())


def _refusal(address: str, error: Exception) -> str:
    said = " ".join(str(error).split())[:500]
    if "ersion mismatch" in said:
        return (
            f"Ray or Python here is another version than at {address}, and both need to be the "
            f"same on all machines: {said}"
        )
    if address == LOCAL:
        return f"Ray does not start on this machine: {said}"
    return f"the Ray cluster at {address} cannot be joined: {type(error).__name__}: {said}"


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _read_again() -> None:
    """Have Ray read the variables of authentication: it did when it was imported."""
    core: Any = importlib.import_module("ray._raylet")
    core.Config.initialize("")
    core.AuthenticationTokenLoader.instance().reset_cache()


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Ray from printing to stdout what it thinks of dead workers and full clusters.

    That is what the executor says itself, and the command line's answer goes to stdout. Ray has no
    switch for it; where a version has not this function, it prints.
    """
    names = vars(importlib.import_module(_WORKER_MODULE))
    before = names.get(_PRINT)

    def told(data: Mapping[str, object], *_: object, **__: object) -> None:
        logger.debug("Ray: %s", data.get("lines"))

    if before is not None:
        names[_PRINT] = told
    try:
        yield
    finally:
        if before is not None:
            names[_PRINT] = before


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our own answer to SIGTERM: Ray puts another in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
