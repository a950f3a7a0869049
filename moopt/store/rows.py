"""Rows of the tables as values, and back."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from moopt.store.tables import EvaluationRow, MeasurementRow, TrialRow
from moopt.study.evaluation import Split
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    Measurements,
    Trial,
    TrialState,
)
from moopt.study.usage import Usage


def new_trial_row(study_id: int, number: int, candidate: Candidate, seed: int) -> TrialRow:
    """Return the row of a candidate that is given a number."""
    return TrialRow(
        study_id=study_id,
        number=number,
        state=TrialState.PROPOSED.value,
        parameters=_plain(candidate.parameters),
        fidelity=candidate.fidelity,
        seed=seed,
        sampler=candidate.sampler,
        notes=dict(candidate.notes),
        attempts=0,
        key=secrets.token_hex(16),
    )


def measurement_rows(
    trial_id: int, split: Split, measurements: Mapping[str, Measurement]
) -> list[MeasurementRow]:
    """Return a row for each measurement of a trial."""
    return [
        MeasurementRow(
            trial_id=trial_id, split=split.value, name=name, mean=each.mean, sem=each.sem
        )
        for name, each in measurements.items()
    ]


def evaluation_row(trial_id: int, split: Split, usage: Usage) -> EvaluationRow:
    """Return the row of what an evaluation took."""
    return EvaluationRow(
        trial_id=trial_id,
        split=split.value,
        wall_seconds=usage.wall_seconds,
        cpu_seconds=usage.cpu_seconds,
        gpu_seconds=usage.gpu_seconds,
        peak_memory=usage.peak_memory,
        peak_gpu_memory=usage.peak_gpu_memory,
        host=usage.host,
        device=usage.device,
    )


def read_trials(session: Session, *chosen: ColumnElement[bool]) -> list[Trial]:
    """Return the trials whose rows meet the conditions, by number.

    Columns are read rather than objects: of ten thousand trials that takes a third of the time.
    """
    of_trials = select(TrialRow.id).where(*chosen)
    measured = session.execute(
        select(
            MeasurementRow.trial_id,
            MeasurementRow.split,
            MeasurementRow.name,
            MeasurementRow.mean,
            MeasurementRow.sem,
        ).where(MeasurementRow.trial_id.in_(of_trials))
    )
    taken = session.execute(
        select(
            EvaluationRow.trial_id,
            EvaluationRow.wall_seconds,
            EvaluationRow.cpu_seconds,
            EvaluationRow.gpu_seconds,
            EvaluationRow.peak_memory,
            EvaluationRow.peak_gpu_memory,
            EvaluationRow.host,
            EvaluationRow.device,
        ).where(EvaluationRow.trial_id.in_(of_trials), EvaluationRow.split == Split.SEARCH.value)
    )
    rows = session.execute(
        select(*TrialRow.__table__.columns).where(*chosen).order_by(TrialRow.number)
    )
    by_trial: dict[tuple[int, str], dict[str, Measurement]] = {}
    for trial_id, split, name, mean, sem in measured:
        by_trial.setdefault((trial_id, split), {})[name] = Measurement(mean, sem)
    usages = {
        trial_id: Usage(wall, cpu, gpu, memory, gpu_memory, host, device)
        for trial_id, wall, cpu, gpu, memory, gpu_memory, host, device in taken
    }
    return [
        trial_of(
            row,
            measurements=by_trial.get((row.id, Split.SEARCH.value)),
            held_out=by_trial.get((row.id, Split.HELD_OUT.value)),
            usage=usages.get(row.id),
        )
        for row in rows
    ]


def trial_of(
    row: TrialRow | Row[Any],
    *,
    measurements: Measurements | None = None,
    held_out: Measurements | None = None,
    usage: Usage | None = None,
) -> Trial:
    """Return a trial from its row, an object or a tuple of its columns."""
    return Trial(
        row.number,
        row.parameters,
        state=TrialState(row.state),
        fidelity=row.fidelity,
        seed=row.seed,
        measurements=measurements or {},
        held_out=held_out or {},
        failure=_failure(row.failure_kind, row.failure_message),
        usage=usage,
        sampler=row.sampler,
        notes=row.notes,
        attempts=row.attempts,
        started=row.started,
        ended=row.ended,
        key=row.key,
    )


def _failure(kind: str | None, message: str | None) -> Failure | None:
    return None if kind is None else Failure(FailureKind(kind), message or "")


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as JSON takes them: a simplex may be any mapping."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in parameters.items()
    }
