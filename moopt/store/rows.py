"""Rows of the tables as values, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moopt.store.tables import MeasurementRow, TrialRow
from moopt.study.evaluation import Split
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    Trial,
    TrialState,
)


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


def trials_from_rows(rows: Sequence[TrialRow], measured: Iterable[MeasurementRow]) -> list[Trial]:
    """Return the trials of these rows, each with its measurements."""
    by_trial: dict[tuple[int, str], dict[str, Measurement]] = {}
    for each in measured:
        of_trial = by_trial.setdefault((each.trial_id, each.split), {})
        of_trial[each.name] = Measurement(each.mean, each.sem)
    return [
        Trial(
            row.number,
            row.parameters,
            state=TrialState(row.state),
            fidelity=row.fidelity,
            seed=row.seed,
            measurements=by_trial.get((row.id, Split.SEARCH.value), {}),
            held_out=by_trial.get((row.id, Split.HELD_OUT.value), {}),
            failure=_failure(row),
            sampler=row.sampler,
            notes=row.notes,
            attempts=row.attempts,
            started=row.started,
            ended=row.ended,
        )
        for row in rows
    ]


def _failure(row: TrialRow) -> Failure | None:
    if row.failure_kind is None:
        return None
    return Failure(FailureKind(row.failure_kind), row.failure_message or "")


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as JSON takes them: a simplex may be any mapping."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in parameters.items()
    }
