"""A worker as its driver sees it: a process in a session of its own, and a pipe."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from moopt.executors.devices import device_name, worker_environment
from moopt.executors.evaluation import MESSAGE_LENGTH
from moopt.executors.messages import (
    DRIVER_VARIABLE,
    PIPE_VARIABLE,
    Answer,
    Begun,
    Job,
    Setup,
)

_EXIT_SECONDS = 2.0
_TAIL_LINES = 3
_TAIL_BYTES = 4000
_FAULT = "Fatal Python error"


@dataclass
class Assignment:
    """A job that a worker was given."""

    name: str
    job: Job
    begun: Begun | None = None
    """None: the worker has not called the evaluator yet."""

    deadline: float = math.inf
    """When it has taken too long, on the monotonic clock."""


@dataclass
class WorkerProcess:
    """A running worker and what it is at."""

    process: subprocess.Popen[bytes]
    connection: "Connection[Setup | Job, Answer]"
    log: Path
    """What it prints outside of trials."""

    offset: int
    """Where in the log that begins; before it are earlier workers."""

    ready: bool = False
    """It has loaded the study file."""

    task: Assignment | None = None
    """None: idle."""

    def give(self, task: Assignment) -> None:
        """Hand a job to the worker, which may still be loading."""
        self.task = task
        # If the worker has died just now, whoever looks after it will notice.
        with suppress(OSError):
            self.connection.send(task.job)

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End the process and its children at once."""
        self._kill_group()
        self.process.wait()
        self.connection.close()

    def dismiss(self) -> None:
        """Tell the process to end by itself; `kill` must follow."""
        self.connection.close()

    def bury(self) -> str:
        """Clear up after a worker that died, and say how it did."""
        # The pipe breaks a moment before the process is gone.
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_EXIT_SECONDS)
        self.kill()
        code = self.process.returncode
        if code >= 0:
            return f"the worker ended with exit code {code}"
        try:
            return f"the worker was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"the worker was ended by signal {-code}"

    def linger(self) -> None:
        """Wait a little for a dismissed process, then end what is left of it."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_EXIT_SECONDS)
        self.kill()

    def last_words(self) -> str:
        """Return the last lines that the worker printed, and where to find the others."""
        begun = self.task.begun if self.task else None
        path, offset = (begun.errors, begun.offset) if begun else (self.log, self.offset)
        said = tail(path, offset)
        return f": {said} (in {path})" if said else ""

    def _kill_group(self) -> None:
        # Also after the worker itself has ended: its children may still be there.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def start_worker(
    index: int, study_file: Path, directory: Path, gpus: Sequence[str], gpus_per_trial: float
) -> WorkerProcess:
    """Start a worker process, which loads the study file."""
    log = directory / "workers" / f"{index}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    ours, theirs = Pipe()
    with theirs, log.open("ab") as output:
        offset = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-u", "-P", "-m", "moopt.executors.worker"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={
                **worker_environment(gpus),
                PIPE_VARIABLE: str(theirs.fileno()),
                DRIVER_VARIABLE: str(os.getpid()),
            },
            pass_fds=[theirs.fileno()],
            # Ctrl-C is for the driver, and its children die with a worker.
            start_new_session=True,
        )
    ours.send(Setup(study_file, directory, device_name(gpus), gpus_per_trial, tuple(sys.path)))
    return WorkerProcess(process, ours, log, offset)


def tail(path: Path, offset: int) -> str:
    """Return the last lines of a file on one line; empty if there are none.

    Of the report of a crash in C code, it is the first lines that tell.

    Args:
        path: A text file.
        offset: What lies before this byte does not count.
    """
    try:
        text = path.read_bytes()[offset:][-_TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    _, fault, after = text.rpartition(_FAULT)
    said = [
        line.strip() for line in (fault + after if fault else text).splitlines() if line.strip()
    ]
    chosen = said[:_TAIL_LINES] if fault else said[-_TAIL_LINES:]
    return " | ".join(chosen)[-MESSAGE_LENGTH:]
