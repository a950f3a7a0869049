"""What evaluations say about themselves, in a file that moopt knows nothing of.

Every line is appended by one call and synced to disk before the evaluation goes on: what it says
has happened, whoever is killed next. Each evaluation measures numbers of its own, so that the line
shows which one a recorded number is from.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from moopt.study.trials import Trial


class Happened(StrEnum):
    """What a line is about."""

    BEGAN = "began"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Line:
    """One evaluation began, or had measured everything."""

    happened: Happened
    number: int
    key: str
    attempt: int
    process: int
    parameters: str
    """As JSON, with sorted names."""

    measurements: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Mean and standard error by objective. Empty: none yet."""

    moment: float = 0.0
    """When it was written, on this machine's monotonic clock."""


def line_of(
    happened: Happened, trial: Trial, measurements: Mapping[str, tuple[float, float]]
) -> Line:
    """Return what this process has to say about a trial now."""
    return Line(
        happened,
        trial.number,
        trial.key,
        trial.attempts,
        os.getpid(),
        canonical(trial.parameters),
        measurements,
        time.monotonic(),
    )


def canonical(parameters: Mapping[str, object]) -> str:
    """Return parameters as a text that is equal for equal parameters."""
    return json.dumps(parameters, sort_keys=True)


def append(path: Path, line: Line) -> None:
    """Write a line behind all others and return when it is on the disk."""
    text = json.dumps(asdict(line)) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)


def read_lines(path: Path) -> list[Line]:
    """Return all lines in the order in which they were written; none where there is no file."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        found = json.loads(text)
        pairs = {name: (mean, sem) for name, (mean, sem) in found["measurements"].items()}
        happened = Happened(found["happened"])
        lines.append(Line(**{**found, "happened": happened, "measurements": pairs}))
    return lines
