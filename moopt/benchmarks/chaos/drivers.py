"""Several `moopt run` on one study, each started again when it was killed."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

RUN = (sys.executable, "-c", "from moopt.cli.app import main; main()", "run")
MARK_VARIABLE = "MOOPT_CHAOS_MARK"
"""Tells the processes of one team from all others on this machine."""

LONGEST_PAUSE = 1.0
"""Seconds until a driver that was killed is started again, at most."""

_TAIL = 300


@dataclass
class Driver:
    """One place of a team and the process that has it."""

    output: Path
    environment: Mapping[str, str]
    process: psutil.Popen | None = None
    due: float = 0.0
    """When it is to be started, on the monotonic clock, where there is no process."""

    done: bool = False
    """It ended by itself and well."""

    complaints: list[str] = field(default_factory=list)
    """Last lines of those that ended by themselves and not well."""


class Team:
    """Drivers of one study.

    Args:
        arguments: Of `moopt run`.
        folder: Where they run; gets what they print.
        name: First part of the names of the files for that.
        environments: Of each driver: variables beside those of this process.
        seed: Of the pauses before a driver is started again.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        name: str,
        environments: Sequence[Mapping[str, str]],
        seed: int = 0,
    ) -> None:
        self._command = [*RUN, *arguments]
        self._folder = folder
        self._mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self._random = np.random.default_rng(seed)
        self.drivers = [
            Driver(
                folder / f"{name}-driver-{index}.txt",
                {**os.environ, **environment, MARK_VARIABLE: self._mark},
            )
            for index, environment in enumerate(environments)
        ]

    @property
    def done(self) -> bool:
        """Whether every driver has ended by itself and well."""
        return all(driver.done for driver in self.drivers)

    @property
    def complaints(self) -> list[str]:
        """Last words of drivers that gave up."""
        return [each for driver in self.drivers for each in driver.complaints]

    def kill(self) -> None:
        """End all processes at once."""
        for process in self.left():
            with suppress(psutil.Error):
                process.kill()
        for driver in self.drivers:
            if driver.process is not None:
                driver.process.wait()

    def look(self) -> None:
        """See who has ended, and start those again whose time has come."""
        for driver in self.drivers:
            if driver.process is not None:
                self._see(driver, driver.process)
            elif not driver.done and time.monotonic() >= driver.due:
                driver.process = self._start(driver)

    def running(self) -> list[psutil.Process]:
        """Return the processes of the drivers that run."""
        self.look()
        return [driver.process for driver in self.drivers if driver.process is not None]

    def left(self) -> list[psutil.Process]:
        """Return every living process of this team, orphans too."""
        found = []
        for process in psutil.process_iter():
            try:
                mark = process.environ().get(MARK_VARIABLE)
                living = process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if mark == self._mark and living:
                found.append(process)
        return found

    def _start(self, driver: Driver) -> psutil.Popen:
        with driver.output.open("ab") as output:
            return psutil.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env=driver.environment,
                start_new_session=True,
            )

    def _see(self, driver: Driver, process: psutil.Popen) -> None:
        status = process.poll()
        if status is None:
            return
        driver.process = None
        driver.due = time.monotonic() + float(self._random.uniform(0.0, LONGEST_PAUSE))
        if status == 0:
            driver.done = True
        elif status > 0:
            text = driver.output.read_text(encoding="utf-8", errors="replace")
            driver.complaints.append(f"status {status}: {text[-_TAIL:].strip()}")


def workers_of(driver: psutil.Process) -> list[psutil.Process]:
    """Return the worker processes of a driver; none where it is gone."""
    try:
        children: list[psutil.Process] = driver.children()
    except psutil.Error:
        return []
    return children
