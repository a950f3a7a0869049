"""The tables, fit for SQLite and PostgreSQL.

Numbers that were measured lie in double precision columns of their own, never in text that somebody
rounds. Parameters are JSON, which keeps their types apart: 1, 1.0 and true. The names carry a
prefix, so that the tables may share a database with those of other tools.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 1
"""Raised by one whenever a table changes. A newer database is refused, not guessed at."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in time: aware, in UTC, on both sides. SQLite has no time zones of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn into UTC what is to be stored."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that what was stored is UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """What every table is."""


class MetaRow(Table):
    """A fact about the database itself."""

    __tablename__ = "moopt_meta"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class StudyRow(Table):
    """A study as the user defined it."""

    __tablename__ = "moopt_studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(500), unique=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As `study_to_json` writes it, with the user's own references only."""

    inferred: Mapped[dict[str, float]] = mapped_column(JSON)
    """References that were inferred, by objective."""

    path: Mapped[str | None] = mapped_column(Text)
    """The study file. NULL: the study was made in a script."""

    created: Mapped[datetime] = mapped_column(UtcDateTime)


class TrialRow(Table):
    """A trial, without its measurements."""

    __tablename__ = "moopt_trials"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        Index("moopt_trials_by_driver", "driver"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("moopt_studies.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    fidelity: Mapped[float | None] = mapped_column(Double)
    seed: Mapped[int] = mapped_column(BigInteger)
    sampler: Mapped[str] = mapped_column(String(200))
    notes: Mapped[dict[str, str]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0)
    started: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure_kind: Mapped[str | None] = mapped_column(String(20))
    failure_message: Mapped[str | None] = mapped_column(Text)
    driver: Mapped[str | None] = mapped_column(String(500))
    """Who runs it. NULL: nobody."""

    lease_ends: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From then on anybody may take the trial over. NULL: nobody runs it."""


class MeasurementRow(Table):
    """One number that an evaluator returned for one trial."""

    __tablename__ = "moopt_measurements"

    trial_id: Mapped[int] = mapped_column(
        ForeignKey("moopt_trials.id", ondelete="CASCADE"), primary_key=True
    )
    split: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(500), primary_key=True)
    mean: Mapped[float] = mapped_column(Double)
    sem: Mapped[float | None] = mapped_column(Double)
