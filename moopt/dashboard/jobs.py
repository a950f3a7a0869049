"""Work in a process of its own: pages stay quick, whatever it takes and however it ends.

What it yields arrives one by one, through a pipe that is read when somebody asks. The process ends
with its server, however that ends.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NICENESS = 10
"""Trials that run on the same machine go first."""

LOOK_SECONDS = 1.0
"""So often jobs are looked after that nobody asks for."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why there is no more."""

    text: str


class Job:
    """A process that yields things.

    Args:
        work: A function of a module; what it returns is gone through in the process.
        *arguments: For it; they go to the process as pickles.
        seconds: After so long it is ended.
        has_children: Whether it may start processes of its own with `multiprocessing`. Such a job
            has to be cancelled before the program can end.
    """

    def __init__(
        self,
        work: Callable[..., Iterable[object]],
        *arguments: object,
        seconds: float,
        has_children: bool = False,
    ) -> None:
        self.items: list[Any] = []
        """What has arrived so far."""

        self.problem = ""
        """Why it ended too early; empty where it did not."""

        self.is_done = False
        self._ends = time.monotonic() + seconds
        self._seconds = seconds
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_go_through, args=(theirs,), daemon=not has_children)
        self._process.start()
        theirs.close()
        # As arguments of the process, much would wait for ever where it dies before it reads them;
        # and nobody else waits while it starts.
        threading.Thread(target=self._tell, args=((work, arguments),), daemon=True).start()

    def _tell(self, task: object) -> None:
        # Where the process is gone, `collect` says so.
        with suppress(OSError):
            self._connection.send(task)

    def collect(self) -> None:
        """Take what has arrived, without waiting."""
        while not self.is_done:
            try:
                if not self._connection.poll():
                    break
                item = self._connection.recv()
            except (EOFError, OSError):
                self._finish(self._how_it_died())
                return
            if isinstance(item, _Problem):
                self._finish(item.text)
            elif item is None:
                self._finish("")
            else:
                self.items.append(item)
        if not self.is_done and time.monotonic() > self._ends:
            self.cancel(f"it took longer than {self._seconds:g} s and was ended")

    def cancel(self, why: str = "cancelled") -> None:
        """End the process."""
        if not self.is_done:
            self._finish(why)

    def _how_it_died(self) -> str:
        self._process.join(5)
        return f"the process that computes it ended with status {self._process.exitcode}"

    def _finish(self, problem: str) -> None:
        self.is_done, self.problem = True, problem
        self._connection.close()
        # The process leads a group of all that it started, once it has got so far.
        if self._process.pid is not None and self._process.exitcode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
        self._process.terminate()
        self._process.join(1)
        if self._process.exitcode is None:
            self._process.kill()


class Keeper:
    """Looks after jobs while one of them is alive, whether or not anybody asks for them.

    Args:
        lock: Held while it looks.
        look: Brings the jobs up to date, and says whether one is alive.
    """

    def __init__(self, lock: threading.Lock, look: Callable[[], bool]) -> None:
        self._lock = lock
        self._look = look
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it is at it. The caller holds the lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._go, name="keeper of jobs", daemon=True)
            self._thread.start()

    def _go(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                if not self._look():
                    self._thread = None
                    return


def _go_through(connection: Connection) -> None:
    """Receive work and its arguments, send what it yields, then None; runs in the process."""
    # Ctrl-C is for the server, which ends its processes itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgrp()
    _end_with_the_server()
    os.nice(NICENESS)
    _be_silent()
    # Whoever reads may be gone.
    with suppress(BrokenPipeError):
        try:
            work, arguments = connection.recv()
            for item in work(*arguments):
                connection.send(item)
            connection.send(None)
        # Whatever it raises is to be read on the page.
        except Exception as error:
            connection.send(_Problem(f"{type(error).__name__}: {error}"))
            raise


def _end_with_the_server() -> None:
    """End this process and those that it started when the server is gone, be it killed."""
    server = multiprocessing.parent_process()
    if server is None:
        return

    def watch() -> None:
        server.join()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _be_silent() -> None:
    """Keep what libraries print off the terminal of the server."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
