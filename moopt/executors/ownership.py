"""Whose a trial's folder is: a file in it has the key of the trial that ran there last.

Two stores that share a folder, or one that was begun anew, have trials of equal numbers. What lies
in a folder from the trial of another store is told by its age: it is older than that file.
"""

from contextlib import suppress
from pathlib import Path

from moopt.study.trials import Trial

OWNER = ".trial"
"""Name of the file, in the folder of the trial."""


def take_over(directory: Path, trial: Trial) -> None:
    """Say that a trial runs in a folder. Without room on the disk nobody's it is, which is safe.

    Args:
        directory: Folder of the trial.
        trial: With a key; without one nothing is said.
    """
    if not trial.key or _owner(directory) == trial.key:
        return
    with suppress(OSError):
        (directory / OWNER).write_text(trial.key, encoding="ascii")


def is_written_by(trial: Trial, directory: Path, inside: Path) -> bool:
    """Say whether a trial wrote something of a folder inside its own.

    Args:
        trial: With a key; without one it is said to have written nothing.
        directory: Folder of the trial.
        inside: A folder somewhere in it.
    """
    if not trial.key or _owner(directory) != trial.key:
        return False
    try:
        began = (directory / OWNER).stat().st_mtime_ns
        return any(path.stat().st_mtime_ns >= began for path in (inside, *inside.rglob("*")))
    except OSError:
        return False


def _owner(directory: Path) -> str:
    try:
        return (directory / OWNER).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
