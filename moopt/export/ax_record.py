"""Trials as text that Ax carries along, to the last bit.

Ax knows nothing of notes, seeds, held-out measurements or usage, and rounds what it stores.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moopt.errors import StudyError
from moopt.study.trials import (
    Failure,
    FailureCause,
    FailureKind,
    Measurement,
    Measurements,
    Trial,
    TrialState,
)
from moopt.study.usage import Usage

RECORD = "moopt"
"""Under which name Ax keeps it, with an experiment and with each of its trials."""

INFERRED = "moopt_inferred"
"""Under which name Ax keeps the references that were inferred, with an experiment."""


def trial_text(trial: Trial) -> str:
    """Return a trial as JSON."""
    failure, usage = trial.failure, trial.usage
    return json.dumps(
        {
            "number": trial.number,
            "parameters": dict(trial.parameters),
            "state": trial.state.value,
            "fidelity": trial.fidelity,
            "continues": trial.continues,
            "seed": trial.seed,
            "measurements": _measurements_json(trial.measurements),
            "held_out": _measurements_json(trial.held_out),
            "partial": [
                [fidelity, _measurements_json(each)] for fidelity, each in trial.partial.items()
            ],
            "failure": failure
            and {
                "kind": failure.kind.value,
                "message": failure.message,
                "cause": failure.cause.value,
            },
            "usage": usage and {name: getattr(usage, name) for name in Usage.__slots__},
            "sampler": trial.sampler,
            "notes": dict(trial.notes),
            "attempts": trial.attempts,
            "started": trial.started and trial.started.isoformat(),
            "ended": trial.ended and trial.ended.isoformat(),
            "key": trial.key,
        },
        allow_nan=False,
    )


def trial_of_text(text: str) -> Trial:
    """Return the trial that `trial_text` wrote.

    Raises:
        StudyError: It did not.
    """
    try:
        return _trial(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(
            f"this is not a trial of moopt: {error!r}; it was written by another version, or "
            "changed by hand"
        ) from error


def _trial(json_: dict[str, Any]) -> Trial:
    failure, usage = json_["failure"], json_["usage"]
    return Trial(
        json_["number"],
        json_["parameters"],
        state=TrialState(json_["state"]),
        fidelity=json_["fidelity"],
        continues=json_["continues"],
        seed=json_["seed"],
        measurements=_measurements(json_["measurements"]),
        held_out=_measurements(json_["held_out"]),
        partial={fidelity: _measurements(each) for fidelity, each in json_["partial"]},
        failure=failure
        and Failure(
            FailureKind(failure["kind"]), failure["message"], FailureCause(failure["cause"])
        ),
        usage=usage and Usage(**usage),
        sampler=json_["sampler"],
        notes=json_["notes"],
        attempts=json_["attempts"],
        started=_time(json_["started"]),
        ended=_time(json_["ended"]),
        key=json_["key"],
    )


def _measurements_json(measurements: Measurements) -> dict[str, list[float | None]]:
    return {name: [each.mean, each.sem] for name, each in measurements.items()}


def _measurements(json_: Mapping[str, list[float]]) -> dict[str, Measurement]:
    return {name: Measurement(mean, sem) for name, (mean, sem) in json_.items()}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
