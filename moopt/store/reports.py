"""Partial results, kept by trial and attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from moopt.store.changes import trial_row
from moopt.store.definitions import study_row
from moopt.store.events import Turn
from moopt.store.tables import ReportRow, TrialRow
from moopt.study.trials import Measurement


@dataclass(frozen=True, slots=True)
class PartialResult:
    """What an attempt of a trial reported at one fidelity."""

    number: int
    attempt: int
    fidelity: float
    measurements: Mapping[str, Measurement]
    time: datetime


def keep(turn: Turn, study: str, result: PartialResult) -> None:
    """Keep a partial result, in place of what the same attempt reported at that fidelity.

    It is a change of the trial, so that whoever reads changes gets it.

    Raises:
        SelectionError: There is no such trial.
    """
    session = turn.session
    trial_id = trial_row(turn, study, result.number, None).id
    session.execute(
        delete(ReportRow).where(
            ReportRow.trial_id == trial_id,
            ReportRow.attempt == result.attempt,
            ReportRow.fidelity == result.fidelity,
        )
    )
    session.add_all(
        ReportRow(
            trial_id=trial_id,
            attempt=result.attempt,
            time=result.time,
            fidelity=result.fidelity,
            name=name,
            mean=each.mean,
            sem=each.sem,
        )
        for name, each in result.measurements.items()
    )


def read(session: Session, study: str) -> list[PartialResult]:
    """Return all partial results of a study, by trial and attempt, in the order of their times.

    Raises:
        SelectionError: There is no study of that name.
    """
    rows = session.execute(
        select(
            TrialRow.number,
            ReportRow.attempt,
            ReportRow.fidelity,
            ReportRow.time,
            ReportRow.name,
            ReportRow.mean,
            ReportRow.sem,
        )
        .join(TrialRow)
        .where(TrialRow.study_id == study_row(session, study).id)
        .order_by(TrialRow.number, ReportRow.attempt, ReportRow.id)
    )
    found: dict[tuple[int, int, float, datetime], dict[str, Measurement]] = {}
    for number, attempt, fidelity, time, name, mean, sem in rows:
        found.setdefault((number, attempt, fidelity, time), {})[name] = Measurement(mean, sem)
    return [
        PartialResult(number, attempt, fidelity, measurements, time)
        for (number, attempt, fidelity, time), measurements in found.items()
    ]
