"""The tables, as PostgreSQL would get them. No server is needed to see that."""

from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateTable

from moopt.store.tables import MeasurementRow, Table, TrialRow

POSTGRESQL = registry.load("postgresql")()


def statement(table: object) -> str:
    assert isinstance(table, SqlTable)
    return str(CreateTable(table).compile(dialect=POSTGRESQL))


def test_numbers_are_double_precision() -> None:
    assert "mean DOUBLE PRECISION NOT NULL" in statement(MeasurementRow.__table__)
    assert "fidelity DOUBLE PRECISION" in statement(TrialRow.__table__)


def test_times_have_a_time_zone() -> None:
    assert "ended TIMESTAMP WITH TIME ZONE" in statement(TrialRow.__table__)


def test_numbers_of_trials_are_unique_in_a_study() -> None:
    assert "UNIQUE (study_id, number)" in statement(TrialRow.__table__)


def test_tables_leave_room_for_those_of_other_tools() -> None:
    assert all(name.startswith("moopt_") for name in Table.metadata.tables)
