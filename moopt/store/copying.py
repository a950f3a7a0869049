"""From one database to another, row by row, to the last bit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from moopt.errors import StoreError
from moopt.store.database import Database
from moopt.store.tables import (
    DriverRow,
    EvaluationRow,
    EventRow,
    MeasurementRow,
    ReportRow,
    SourceRow,
    StudyRow,
    Table,
    TrialRow,
)

ROWS_AT_ONCE = 1000

_OF_STUDIES: tuple[type[Table], ...] = (TrialRow, EventRow, DriverRow, SourceRow)
_OF_TRIALS: tuple[type[Table], ...] = (MeasurementRow, EvaluationRow, ReportRow)


@dataclass(frozen=True, slots=True)
class Copied:
    """How many rows were copied of one study."""

    study: str
    trials: int
    measurements: int
    events: int


def copy_studies(source: Database, target: Database) -> list[Copied]:
    """Copy all studies with everything that belongs to them; all of them or, on an error, none.

    Raises:
        StoreError: The target has a study of the same name, or a database fails.
    """
    with source.connection() as giver, target.connection() as taker:
        studies = giver.execute(select(StudyRow.__table__)).mappings().all()
        known = set(taker.scalars(select(StudyRow.name)))
        doubled = [row["name"] for row in studies if row["name"] in known]
        if doubled:
            raise StoreError(
                f"the store to copy to has {', '.join(map(repr, doubled))} already; copy to one "
                "that does not"
            )
        return [_copy_study(giver, taker, row) for row in studies]


def _copy_study(giver: Connection, taker: Connection, row: Mapping[Any, Any]) -> Copied:
    made = taker.execute(
        insert(StudyRow).values(_without(row, "id")).returning(StudyRow.id)
    ).scalar_one()
    counts = {
        kind: _copy_rows(giver, taker, kind, {"study_id": {row["id"]: made}})
        for kind in _OF_STUDIES
    }
    ids = _ids(giver, row["id"]), _ids(taker, made)
    trials = {old: ids[1][number] for number, old in ids[0].items()}
    for kind in _OF_TRIALS:
        counts[kind] = _copy_rows(giver, taker, kind, {"trial_id": trials})
    return Copied(row["name"], counts[TrialRow], counts[MeasurementRow], counts[EventRow])


def _ids(connection: Connection, study_id: int) -> dict[int, int]:
    rows = connection.execute(
        select(TrialRow.number, TrialRow.id).where(TrialRow.study_id == study_id)
    )
    return {row.number: row.id for row in rows}


def _copy_rows(
    giver: Connection,
    taker: Connection,
    kind: type[Table],
    parents: Mapping[str, Mapping[int, int]],
) -> int:
    """Copy the rows that belong to some parents, which have other numbers there."""
    ((column, numbers),) = parents.items()
    table = kind.__table__
    copied = 0
    for part in _parts(sorted(numbers)):
        asked = select(table).where(table.c[column].in_(part))
        for rows in _batches(giver, asked):
            # Rows are counted anew there, where they have a number of their own.
            values = [{**_without(row, "id"), column: numbers[row[column]]} for row in rows]
            taker.execute(insert(kind), values)
            copied += len(values)
    return copied


def _batches(
    connection: Connection, asked: Select[*tuple[Any, ...]]
) -> Iterator[list[Mapping[Any, Any]]]:
    rows = connection.execute(asked).mappings()
    while batch := rows.fetchmany(ROWS_AT_ONCE):
        yield [dict(row) for row in batch]


def _parts(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), ROWS_AT_ONCE):
        yield numbers[start : start + ROWS_AT_ONCE]


def _without(row: Mapping[Any, Any], column: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != column}
