"""A real Ray cluster on this machine: a head and other nodes, each with a raylet of its own."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from moopt.executors.optional import ClusterExecutor, ray_executor
from tests.executors.faulty_study import STUDY_FILE
from tests.executors.waiting import wait_until

RAY = Path(sys.executable).with_name("ray")
SMALL_STORE = "80000000"
START_SECONDS = 120.0
STARTED = "Ray runtime started"


@dataclass
class Node:
    """What `ray start --block` runs: it ends when one of its processes does."""

    process: subprocess.Popen[bytes]

    def kill_raylet(self) -> None:
        """End the node at once, as if somebody pulled its plug."""
        raylet = next(each for each in self._descendants() if each.name() == "raylet")
        os.kill(raylet.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the node and whatever runs on it."""
        running = self._descendants()
        for process in [psutil.Process(self.process.pid), *running]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        psutil.wait_procs(running, timeout=10.0)

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


@dataclass
class RayNodes:
    """A cluster that can be reached with a token of its own."""

    address: str
    client_address: str
    token: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to get in."""
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    @contextmanager
    def node(self, *options: str) -> Iterator[Node]:
        """Run another node, or the head, and return when it is there."""
        command = [str(RAY), "start", "--block", "--object-store-memory", SMALL_STORE, *options]
        descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".txt")
        with os.fdopen(descriptor, "wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self.environment | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        node = Node(process)
        try:
            wait_until(lambda: STARTED in Path(name).read_text(encoding="utf-8"), START_SECONDS)
            yield node
        finally:
            node.end()


@contextmanager
def two_raylets() -> Iterator[RayNodes]:
    """Run a head with 2 CPUs and 2 GPUs that it only thinks it has, and a node with 2 CPUs."""
    # Unix sockets lie in there, whose paths need to be short.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32), encoding="utf-8")
    port, client_port = free_ports(2)
    cluster = RayNodes(f"127.0.0.1:{port}", f"ray://127.0.0.1:{client_port}", token, folder)
    head = [
        *("--head", "--port", str(port), "--ray-client-server-port", str(client_port)),
        *("--temp-dir", str(folder / "t"), "--include-dashboard", "false"),
        *("--num-cpus", "2", "--num-gpus", "2"),
    ]
    try:
        with (
            cluster.node(*head),
            cluster.node("--address", cluster.address, "--num-cpus", "2", "--num-gpus", "0"),
        ):
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def executor_at(
    cluster: RayNodes | str,
    directory: Path,
    *,
    study_file: Path = STUDY_FILE,
    workers: int | None = 1,
    gpus: float | None = 0,
    patience: float | None = None,
) -> ClusterExecutor:
    """Return an executor on a cluster, or at an address."""
    return ray_executor(
        study_file,
        directory=directory,
        workers=workers,
        gpus_per_trial=gpus,
        timeout=None,
        address=cluster if isinstance(cluster, str) else cluster.address,
        patience=patience,
    )


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
