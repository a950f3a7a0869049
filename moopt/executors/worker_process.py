"""A worker as its driver sees it: a process in a session of its own, and a pipe."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from moopt.executors.evaluation import MESSAGE_LENGTH
from moopt.executors.messages import (
    DRIVER_VARIABLE,
    PIPE_VARIABLE,
    Answer,
    Begun,
    Job,
    Order,
    Printed,
    Setup,
    StopEarly,
)
from moopt.executors.watching import Watch, kill_tree
from moopt.study.trials import Failure, FailureCause, FailureKind

_EXIT_SECONDS = 2.0
_TAIL_LINES = 3
_TAIL_BYTES = 64_000
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
    connection: "Connection[Order, Answer]"
    log: Printed
    """What it prints outside of trials."""

    ready: bool = False
    """It has loaded the study file."""

    task: Assignment | None = None
    """None: idle."""

    is_ended: bool = False

    def give(self, task: Assignment) -> None:
        """Hand a job to the worker, which may still be loading."""
        self.task = task
        # If the worker has died just now, whoever looks after it will notice.
        with suppress(OSError):
            self.connection.send(task.job)

    def stop_early(self) -> None:
        """Tell the worker that its trial is not worth finishing."""
        with suppress(OSError):
            self.connection.send(StopEarly())

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End the process and its children at once, if that has not been done."""
        if self.is_ended:
            return
        self.is_ended = True
        # The number of a process that was waited for may be somebody else's by now.
        if self.alive():
            kill_tree(self.process.pid)
        self._kill_group()
        self.process.wait()
        self.connection.close()

    def dismiss(self) -> None:
        """Tell the process to end by itself; `kill` must follow."""
        self.connection.close()

    def bury(self, watch: Watch) -> Failure:
        """Clear up after a worker that died, and say how it did."""
        # The pipe breaks a moment before the process is gone.
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_EXIT_SECONDS)
        ours = self.process.poll() is None
        self.kill()
        kind, cause = FailureKind.INFRASTRUCTURE, FailureCause.WORKER_CRASHED
        code = self.process.returncode
        if code >= 0:
            cause, how = FailureCause.WORKER_EXITED, f"the worker ended with exit code {code}"
        elif ours:
            how = "the worker closed its pipe to the driver"
        elif code == -signal.SIGKILL and watch.kernel_killed():
            kind, cause = FailureKind.CANDIDATE, FailureCause.KERNEL_OUT_OF_MEMORY
            how = "the kernel ended the worker (SIGKILL): there was no memory left"
        elif code == -signal.SIGKILL:
            cause = FailureCause.WORKER_KILLED
            how = "the worker was ended by SIGKILL, perhaps by the kernel for lack of memory"
        else:
            how = f"the worker was ended by {_signal_name(-code)}"
        return Failure(kind, how + self._last_words(), cause)

    def linger(self) -> None:
        """Wait a little for a dismissed process, then end what is left of it."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_EXIT_SECONDS)
        self.kill()

    def _last_words(self) -> str:
        """Return the last lines that the worker printed, and where to find the others."""
        begun = self.task.begun if self.task else None
        for printed in begun.printed if begun else (self.log,):
            said = tail(printed)
            if said:
                return f": {said} (in {printed.path})"
        return ""

    def _kill_group(self) -> None:
        # Also after the worker itself has ended: its children may still be there.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def start_worker(log: Path, setup: Setup, environment: Mapping[str, str]) -> WorkerProcess:
    """Start a worker process, which loads the study file.

    Args:
        log: File that takes what it prints outside of trials.
        setup: What it is told first.
        environment: What its Python and its libraries read when they start.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    ours, theirs = Pipe()
    with theirs, log.open("ab") as output:
        printed = Printed(log, output.tell())
        process = subprocess.Popen(
            [sys.executable, "-u", "-P", "-m", "moopt.executors.worker"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={
                **environment,
                PIPE_VARIABLE: str(theirs.fileno()),
                DRIVER_VARIABLE: str(os.getpid()),
            },
            pass_fds=[theirs.fileno()],
            # Ctrl-C is for the driver, and its children die with a worker.
            start_new_session=True,
        )
    ours.send(setup)
    return WorkerProcess(process, ours, printed)


def tail(printed: Printed) -> str:
    """Return the last lines of what was printed on one line; empty if there are none.

    Of the report of a crash in C code, it is the first lines that tell.
    """
    try:
        with printed.path.open("rb") as file:
            # It may be gigabytes.
            file.seek(max(printed.offset, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    _, fault, after = text.rpartition(_FAULT)
    said = [
        line.strip() for line in (fault + after if fault else text).splitlines() if line.strip()
    ]
    chosen = said[:_TAIL_LINES] if fault else said[-_TAIL_LINES:]
    return " | ".join(chosen)[-MESSAGE_LENGTH:]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
