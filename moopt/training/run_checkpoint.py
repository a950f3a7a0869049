"""Where a training run stands, in one file that is complete or not there.

A run that goes on from it takes the same steps as one that was never interrupted.
"""

import hashlib
import json
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch

FILE = "state.pt"
"""Below `<folder>/checkpoint/`."""

FORMAT = 1
"""To be raised when a change of the code makes other steps from an equal state."""


def identity(**parts: object) -> str:
    """Return 16 hexadecimal digits that tell a run from runs with other settings or data."""
    text = json.dumps({"format": FORMAT, "torch": torch.__version__, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_state(folder: Path, run: str, state: dict[str, Any]) -> None:
    """Write the state of a run, in place of an earlier one.

    Args:
        folder: The trial's.
        run: Its identity.
        state: Tensors, numbers, and lists and mappings of them.
    """
    directory = folder / "checkpoint"
    directory.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}-", dir=directory)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save({"run": run, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(directory / FILE)
    finally:
        unfinished.unlink(missing_ok=True)


def read_state(folder: Path, run: str) -> dict[str, Any] | None:
    """Return the state that a run left, on the CPU.

    Returns:
        None: there is none, it is of another run, or it is torn.
    """
    path = folder / "checkpoint" / FILE
    # What a torn file raises depends on where it is torn.
    broken = (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        if found["run"] != run:
            return None
        state: dict[str, Any] = found["state"]
    except broken:
        return None
    return state
