"""What the control groups of Linux say: how much of the cores is ours, and whom the kernel killed.

A container or a batch system often grants less than the machine has. Where there are no control
groups, or they say nothing, the answer is None.
"""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
"""Which groups this process is in, one a line: number, controllers, path. Version 2 has neither."""


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float | None:
    """Return how many cores this process and its groups may keep busy; None: no limit is set."""
    limits = [
        words
        for group in _groups("cpu", root, membership)
        for words in (
            _words(group / "cpu.max"),
            _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"),
        )
        if len(words) == 2 and words[0].isdigit()
    ]
    return min((int(quota) / int(period) for quota, period in limits), default=None)


def oom_kills(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Return how many processes of our own group the kernel has ended for lack of memory."""
    for group in _groups("memory", root, membership):
        for name in ("memory.events", "memory.oom_control"):
            words = _words(group / name)
            if "oom_kill" in words:
                return int(words[words.index("oom_kill") + 1])
    return None


def _groups(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """Yield the folders of our group and of those around it, the innermost first."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            top = root
        elif controller in controllers.split(","):
            top = root / controller
        else:
            continue
        inner = top / path.strip("/")
        # Within a container the path may be that outside of it, where nothing is to be seen.
        yield from (each for each in (inner, *inner.parents) if each.is_relative_to(top))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except OSError:
        return []
