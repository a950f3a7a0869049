"""What models scored on each example, kept in their trials' folders.

So any worker, and any later run, finds what was measured before. A file that is missing, broken or
about other examples is as good as none.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

RECORD = "examples.npz"
_DATA = "moopt.data"
"""Name of the entry that says what the examples are."""

Scores = Mapping[str, np.ndarray]
"""By measurement, the scores of examples in the order in which they are measured: [n]."""


def write_scores(folder: Path, scores: Scores, data: str) -> None:
    """Write the scores of a model to the folder of its trial, whole or not at all.

    Args:
        folder: Of the trial.
        scores: As far as they are known.
        data: Says what the examples are and in which order they come.
    """
    unfinished = folder / f".{RECORD}"
    with unfinished.open("wb") as file:
        arrays: dict[str, Any] = {_DATA: np.array(data), **scores}
        np.savez(file, **arrays)
    unfinished.replace(folder / RECORD)


def read_scores(folder: Path, data: str) -> dict[str, np.ndarray] | None:
    """Return the scores that a trial has left, or None where there are none of these examples."""
    try:
        with (folder / RECORD).open("rb") as file, np.load(file, allow_pickle=False) as found:
            if _DATA not in found or str(found[_DATA]) != data:
                return None
            return {name: found[name] for name in found.files if name != _DATA}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def other_scores(folder: Path, data: str) -> Iterator[dict[str, np.ndarray]]:
    """Return what the other trials of a study have left, by their numbers.

    Args:
        folder: Of one trial, beside which those of the others lie.
        data: As it was written.
    """
    beside = (each for each in folder.parent.iterdir() if each.name.isdecimal() and each != folder)
    for each in sorted(beside, key=lambda path: int(path.name)):
        found = read_scores(each, data)
        if found is not None:
            yield found


def data_name(counts: Mapping[str, int], split: str, seed: int, digest: str) -> str:
    """Return what says which examples there are and in which order they come.

    Args:
        counts: How many, by measurement.
        split: Of the data.
        seed: Of their order.
        digest: Of what they contain.
    """
    known = {"counts": dict(counts), "split": split, "seed": seed, "digest": digest}
    return json.dumps(known, sort_keys=True)
