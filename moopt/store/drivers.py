"""Who runs trials: the names of drivers, and whether one is still there.

A name is `host:process:random`. On its own host a driver that was killed is found out at once, on
others when its lease runs out.
"""

import os
import secrets
import socket
from pathlib import Path


def new_driver() -> str:
    """Return a name for this process as a driver, different each time."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_gone(driver: str) -> bool:
    """Say whether a driver is certainly dead: a process of this host that no longer runs."""
    host, _, rest = driver.partition(":")
    process = rest.partition(":")[0]
    return host == socket.gethostname() and process.isdigit() and not _runs(int(process))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # Not Linux, or it ended just now, which the lease will tell.
        return True
    # The state follows the name in brackets. A zombie has ended; its parent has not noticed yet.
    return status.rpartition(")")[2].split()[0] != "Z"
