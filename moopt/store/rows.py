"""Rows of the tables as values, and back."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, insert, select
from sqlalchemy.orm import Session

from moopt.store.tables import EvaluationRow, MeasurementRow, ReportRow, Table, TrialRow
from moopt.study.evaluation import Split
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureCause,
    FailureKind,
    Measurement,
    Measurements,
    Trial,
    TrialState,
)
from moopt.study.usage import Usage

_MEASUREMENTS = Table.metadata.tables[MeasurementRow.__tablename__]
_EVALUATIONS = Table.metadata.tables[EvaluationRow.__tablename__]


def new_trial_row(study_id: int, number: int, candidate: Candidate, seed: int) -> TrialRow:
    """Return the row of a candidate that is given a number."""
    return TrialRow(
        study_id=study_id,
        number=number,
        state=TrialState.PROPOSED.value,
        parameters=plain_parameters(candidate.parameters),
        fidelity=candidate.fidelity,
        continues=candidate.continues,
        seed=seed,
        sampler=candidate.sampler,
        notes=dict(candidate.notes),
        attempts=0,
        key=secrets.token_hex(16),
    )


def keep_measurements(
    session: Session, trial_id: int, split: Split, measurements: Mapping[str, Measurement]
) -> None:
    """Enter a row for each measurement of a trial."""
    rows = [
        {
            "trial_id": trial_id,
            "split": split.value,
            "name": name,
            "mean": each.mean,
            "sem": each.sem,
        }
        for name, each in measurements.items()
    ]
    if rows:
        session.execute(insert(_MEASUREMENTS), rows)


def keep_usage(session: Session, trial_id: int, split: Split, usage: Usage | None) -> None:
    """Enter what an evaluation took, in place of what another one of the trial did."""
    if usage is None:
        return
    same = (EvaluationRow.trial_id == trial_id, EvaluationRow.split == split.value)
    session.execute(delete(_EVALUATIONS).where(*same))
    session.execute(
        insert(_EVALUATIONS),
        {"trial_id": trial_id, "split": split.value, **asdict(usage)},
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
    partial = _read_partial(session, of_trials)
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
            partial=partial.get(row.id),
            usage=usages.get(row.id),
        )
        for row in rows
    ]


def _read_partial(
    session: Session, of_trials: Select[int]
) -> dict[int, dict[float, dict[str, Measurement]]]:
    """Return what the newest attempts of trials reported, by trial and fidelity."""
    reported = session.execute(
        select(
            ReportRow.trial_id,
            ReportRow.fidelity,
            ReportRow.name,
            ReportRow.mean,
            ReportRow.sem,
        )
        .join(TrialRow, TrialRow.id == ReportRow.trial_id)
        .where(ReportRow.trial_id.in_(of_trials), ReportRow.attempt == TrialRow.attempts)
        .order_by(ReportRow.fidelity, ReportRow.id)
    )
    found: dict[int, dict[float, dict[str, Measurement]]] = {}
    for trial_id, fidelity, name, mean, sem in reported:
        by_fidelity = found.setdefault(trial_id, {})
        by_fidelity.setdefault(fidelity, {})[name] = Measurement(mean, sem)
    return found


def trial_of(
    row: TrialRow | Row[Any],
    *,
    measurements: Measurements | None = None,
    held_out: Measurements | None = None,
    partial: Mapping[float, Measurements] | None = None,
    usage: Usage | None = None,
) -> Trial:
    """Return a trial from its row, an object or a tuple of its columns."""
    return Trial(
        row.number,
        row.parameters,
        state=TrialState(row.state),
        fidelity=row.fidelity,
        continues=row.continues,
        seed=row.seed,
        measurements=measurements or {},
        held_out=held_out or {},
        partial=partial or {},
        failure=_failure(row.failure_kind, row.failure_message, row.failure_cause),
        usage=usage,
        sampler=row.sampler,
        notes=row.notes,
        attempts=row.attempts,
        started=row.started,
        ended=row.ended,
        key=row.key,
    )


def _failure(kind: str | None, message: str | None, cause: str | None) -> Failure | None:
    if kind is None:
        return None
    return Failure(FailureKind(kind), message or "", FailureCause(cause or "unknown"))


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as JSON takes them: a simplex may be any mapping."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in parameters.items()
    }
