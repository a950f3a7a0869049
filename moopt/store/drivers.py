"""Who runs trials, and whether it is still there.

A driver beats: it raises a number in the store every few seconds. Whoever shares the study watches
that number by a clock of its own that nobody can set (`time.monotonic`), so that neither clocks
that differ nor clocks that jump take a trial from a driver that lives. On its own machine a driver
that was killed is found out at once.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LEASE_SECONDS = 60.0
"""How long a trial stays with a driver that does not say a word."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A process that runs trials."""

    name: str
    """`host:process:random`."""

    machine: str
    """Processes with equal ones can see each other."""

    process: int
    process_started: float | None
    """In ticks since the machine was started. None: cannot be had here."""

    lease_seconds: float | None = None
    """How long it may be silent. None: whoever watches it decides."""


@dataclass(frozen=True, slots=True)
class Beats:
    """What the store says of a driver that holds trials."""

    driver: Driver | None
    """None: it was never entered."""

    count: int
    left: bool


def new_driver() -> Driver:
    """Return this process as a driver, with a name that is different each time."""
    process = os.getpid()
    name = f"{socket.gethostname()}:{process}:{secrets.token_hex(4)}"
    return Driver(name, _machine(), process, _started(process))


def is_gone(driver: Driver) -> bool:
    """Say whether a driver is certainly dead: a process of this machine that no longer runs."""
    if driver.machine != _machine():
        return False
    if not _runs(driver.process):
        return True
    started = _started(driver.process)
    # Another process may have got its number since.
    return None not in {started, driver.process_started} and started != driver.process_started


@dataclass
class Watch:
    """Watches the drivers of a study.

    Args:
        lease_seconds: How long a driver may be silent that did not say so itself.
        clock: Seconds that only ever go forward.
    """

    lease_seconds: float = LEASE_SECONDS
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def lost(self, holders: Mapping[str, Beats]) -> dict[str, str]:
        """Return the drivers that are lost, each with the reason.

        Args:
            holders: The drivers that hold trials, by name.
        """
        now = self.clock()
        before = self._seen
        self._seen = {
            name: before[name]
            if name in before and before[name][0] == beats.count
            # It said something since, or is seen for the first time.
            else (beats.count, now)
            for name, beats in holders.items()
        }
        found: dict[str, str] = {}
        for name, beats in holders.items():
            silent = now - self._seen[name][1]
            own = None if beats.driver is None else beats.driver.lease_seconds
            if beats.left:
                found[name] = f"driver {name} had left"
            elif beats.driver is not None and is_gone(beats.driver):
                found[name] = f"driver {name} was ended"
            elif silent >= (self.lease_seconds if own is None else own):
                found[name] = f"driver {name} said nothing for {silent:.0f} s"
        return found


def _machine() -> str:
    """Return a name that is the same in two processes only where they see each other."""
    parts = [socket.gethostname()]
    # Containers may share a name and a kernel, but not the numbers of their processes.
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            found = Path(path)
            parts.append(found.readlink().name if found.is_symlink() else found.read_text("ascii"))
        except OSError:
            continue
    return "/".join(part.strip() for part in parts)


def _runs(process: int) -> bool:
    """Say whether there is a process; one that has ended and was not waited for does not run."""
    if not psutil.pid_exists(process):
        return False
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _started(process: int) -> float | None:
    """Return when a process was started, in ticks since this machine was: no clock sets them."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold anything; 19 fields further is the start.
    return float(status.rpartition(")")[2].split()[19])
