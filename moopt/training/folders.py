"""Folders that appear complete or not at all, and where those lie that are made once."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_root() -> Path:
    """Return the folder of what is made once and kept: `MOOPT_CACHE`, or `~/.cache/moopt`."""
    return Path(os.environ.get("MOOPT_CACHE") or Path.home() / ".cache" / "moopt")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write to, which takes the target's name when the block ends well.

    Where another process finished the same folder first, its folder stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield unfinished
        # mkdtemp lets nobody else read; a model folder is as open as its parent
        unfinished.chmod(target.parent.stat().st_mode)
        try:
            unfinished.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
