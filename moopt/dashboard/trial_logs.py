"""What a trial has written into its folder, the end of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moopt.executors.evaluation import LOG
from moopt.executors.worker import STDERR

MOST_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a file."""

    path: Path
    text: str
    is_whole: bool


def log_ends(folder: Path) -> Iterator[LogEnd]:
    """Yield the ends of a trial's logs, those that there are.

    A link that leads out of the folder is not followed: logs are shown to whoever may see the page.
    """
    for name in (LOG, STDERR):
        path = folder / name
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            continue
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - MOST_BYTES))
            text = file.read().decode("utf-8", errors="replace")
        if text.strip():
            yield LogEnd(path, text, size <= MOST_BYTES)
