"""Folders that commands write: they appear when they are complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moopt.errors import SelectionError


def check_new_or_empty(folder: Path, remedy: str = "choose another or empty it first") -> None:
    """Refuse a folder that has files in it.

    Raises:
        SelectionError: It has, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise SelectionError(f"--to needs a folder, {str(folder)!r} is a file")
    if folder.is_dir() and any(folder.iterdir()):
        raise SelectionError(
            f"--to needs a new or empty folder, {str(folder)!r} has files in it; {remedy}"
        )


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Give a folder beside the one that is wanted, which takes its place when all went well.

    Until then the wanted folder is as it was, and what was in it goes only when it is replaced.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        yield staging
        if folder.is_dir():
            shutil.rmtree(folder)
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
