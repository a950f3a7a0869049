"""What a trial measured, written into its folder before anybody is told.

A driver that dies after a worker has measured and before it has recorded would lose the
measurement. The next worker that is given the trial finds it here and does not measure again. The
file counts only for the very trial, by its key, its parameters, its seed and the split. For the
search it counts only as long as the study file is the same to the byte: whoever mends an evaluator
wants nothing that it measured before and nobody has recorded.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, SupportsFloat

from moopt.study.evaluation import Evaluation, Report, Split
from moopt.study.trials import Failure, Measurement, Trial
from moopt.study.usage import Usage
from moopt.study.validation import Raw

FILES = {Split.SEARCH: "outcome.json", Split.HELD_OUT: "held_out.json"}
"""Names of the files in the folder of the trial."""

_DIGEST = "digest"
"""Over all other fields: says whether somebody changed one."""


def write_outcome(
    directory: Path, trial: Trial, split: Split, evaluation: Evaluation, *, study_file: str
) -> None:
    """Keep what was measured. It is on the disk, whole, when this returns.

    Args:
        directory: Folder of the trial.
        trial: With a key; without one nothing is kept.
        split: What it was measured on.
        evaluation: With measurements; failures are not kept.
        study_file: Digest of the study file that measured.

    Raises:
        OSError: It cannot be written.
    """
    if not trial.key or isinstance(evaluation.outcome, Failure):
        return
    outcome = evaluation.outcome
    measured = outcome.measurements if isinstance(outcome, Report) else outcome
    fields = _identity(trial, split, study_file) | {
        "measurements": {name: _to_json(raw) for name, raw in measured.items()},
        "ended_early_at": outcome.fidelity if isinstance(outcome, Report) else None,
        "usage": evaluation.usage and asdict(evaluation.usage),
    }
    text = json.dumps(fields | {_DIGEST: _digest(fields)}, indent=1, allow_nan=False)
    target = directory / FILES[split]
    unfinished = target.with_suffix(f".{os.getpid()}.unfinished")
    try:
        with unfinished.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    _sync(directory)


def read_outcome(
    directory: Path, trial: Trial, split: Split, *, study_file: str
) -> Evaluation | None:
    """Return what was measured before; None where nothing counts.

    A file that is torn, that somebody changed, or of another trial does not count.

    Args:
        directory: Folder of the trial.
        trial: What is to be measured.
        split: What on.
        study_file: Digest of the study file that is to measure.
    """
    if not trial.key:
        return None
    try:
        found = json.loads((directory / FILES[split]).read_bytes())
        fields = {name: value for name, value in found.items() if name != _DIGEST}
        wanted = _identity(trial, split, study_file)
        if split is Split.HELD_OUT:
            wanted["study_file"] = fields["study_file"]
        same = all(_text(fields[name]) == _text(value) for name, value in wanted.items())
        if not same or found[_DIGEST] != _digest(fields):
            return None
        measured = {name: _from_json(raw) for name, raw in fields["measurements"].items()}
        early = fields.get("ended_early_at")
        outcome = measured if early is None else Report(float(early), measured)
        return Evaluation(outcome, fields["usage"] and Usage(**fields["usage"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # Whatever is wrong with it: then it is not what we wrote.
        return None


def digest_of(file: Path) -> str:
    """Return what tells the contents of a file from any others."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _identity(trial: Trial, split: Split, study_file: str) -> dict[str, Any]:
    return {
        "key": trial.key,
        "split": split.value,
        "seed": trial.seed,
        "parameters": {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in trial.parameters.items()
        },
        "fidelity": trial.fidelity,
        "study_file": study_file,
    }


def _to_json(raw: Raw) -> float | list[float] | None:
    match raw:
        case None:
            return None
        case Measurement(mean=mean, sem=sem):
            return float(mean) if sem is None else [float(mean), float(sem)]
        case (mean, sem):
            return [float(mean), float(sem)]
        case SupportsFloat():
            return float(raw)


def _from_json(value: object) -> Raw:
    match value:
        case None | float():
            return value
        case [float() as mean, float() as sem]:
            return mean, sem
        case _:
            raise ValueError(f"this is no measurement: {value!r}")


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(fields).encode()).hexdigest()


def _text(value: object) -> str:
    """Return JSON in which 1, 1.0 and true differ and the order of names does not matter."""
    return json.dumps(value, sort_keys=True)


def _sync(directory: Path) -> None:
    """Make the name of a new file last, too."""
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
