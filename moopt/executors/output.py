"""What an evaluator prints, and what it does to the worker's own streams and folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from moopt.executors.messages import Printed


def printed_from_now(path: Path) -> Printed:
    """Return the part of a file that is still to be written."""
    return Printed(path, path.stat().st_size if path.exists() else 0)


@contextmanager
def output_into(stdout: Path, stderr: Path) -> Iterator[None]:
    """Send what this process and its children print into files, C code included.

    Afterwards the streams are as they were, whatever was closed or replaced meanwhile.
    """
    _flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    streams = sys.stdout, sys.stderr
    try:
        for descriptor, path in {1: stdout, 2: stderr}.items():
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(file, descriptor)
            os.close(file)
        yield
    finally:
        _flush()
        for descriptor, before in kept.items():
            os.dup2(before, descriptor)
            os.close(before)
        sys.stdout, sys.stderr = _opened(streams[0], 1), _opened(streams[1], 2)


@contextmanager
def same_folder() -> Iterator[None]:
    """Return to the current folder afterwards."""
    # By its descriptor, for somebody may delete or rename it.
    folder = os.open(".", os.O_RDONLY)
    try:
        yield
    finally:
        os.fchdir(folder)
        os.close(folder)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # An evaluator may have closed it, or the file below it.
        with suppress(OSError, ValueError):
            stream.flush()


def _opened(stream: TextIO, descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", buffering=1, closefd=False) if stream.closed else stream
