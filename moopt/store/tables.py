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
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HEAD = "0004"
"""The newest migration: whenever a table changes, there is a new one."""


_LONG = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts by itself in a column that it calls INTEGER, and only there."""


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


class Prose(TypeDecorator[str]):
    """Text for people, of whatever origin. What no database takes is written as its escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape the character 0, which PostgreSQL refuses, and halves of surrogate pairs."""
        del dialect
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


class Table(DeclarativeBase):
    """What every table is."""


class VersionRow(Table):
    """The migration that the database has, kept by Alembic under a name of our own."""

    __tablename__ = "moopt_schema"

    version_num: Mapped[str] = mapped_column(String(32), primary_key=True)


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
    revision: Mapped[int] = mapped_column(server_default="0", default=0)
    """Raised by one in each transaction that changes the study or a trial of it. Whoever raises it
    holds the row, so changes of one study happen one after the other, in this order."""

    stop_revision: Mapped[int | None]
    """When its drivers were asked to stop. NULL: never."""

    stop_at_once: Mapped[bool | None]
    """Whether running trials are to be handed back, rather than finished."""


class SourceRow(Table):
    """An earlier study that a study learns from, as it was when the study began to."""

    __tablename__ = "moopt_sources"
    __table_args__ = (UniqueConstraint("study_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("moopt_studies.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(500))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    trials: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """Those that teach, by when they ended, with their measurements. It is a copy: JSON keeps
    every digit of a double, and nobody asks for a part of it."""


class TrialRow(Table):
    """A trial, without its measurements."""

    __tablename__ = "moopt_trials"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        Index("moopt_trials_by_driver", "driver"),
        Index("moopt_trials_by_revision", "study_id", "revision"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("moopt_studies.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    fidelity: Mapped[float | None] = mapped_column(Double)
    continues: Mapped[int | None]
    """Number of the trial that it takes further."""

    seed: Mapped[int] = mapped_column(BigInteger)
    sampler: Mapped[str] = mapped_column(String(200))
    notes: Mapped[dict[str, str]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0)
    started: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure_kind: Mapped[str | None] = mapped_column(String(20))
    failure_message: Mapped[str | None] = mapped_column(Prose)
    failure_cause: Mapped[str | None] = mapped_column(String(40))
    driver: Mapped[str | None] = mapped_column(String(500))
    """Who runs it. NULL: nobody."""

    revision: Mapped[int] = mapped_column(server_default="0", default=0)
    """That of its study when the trial was last changed."""

    key: Mapped[str] = mapped_column(String(40), server_default="", default="")
    worker_losses: Mapped[int] = mapped_column(server_default="0", default=0)
    """How many workers died under it since it was proposed or asked for again."""

    driver_losses: Mapped[int] = mapped_column(server_default="0", default=0)


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


class EvaluationRow(Table):
    """What the evaluation took that a trial's measurements, or its failure, came from."""

    __tablename__ = "moopt_evaluations"

    trial_id: Mapped[int] = mapped_column(
        ForeignKey("moopt_trials.id", ondelete="CASCADE"), primary_key=True
    )
    split: Mapped[str] = mapped_column(String(20), primary_key=True)
    wall_seconds: Mapped[float] = mapped_column(Double)
    cpu_seconds: Mapped[float] = mapped_column(Double)
    gpu_seconds: Mapped[float] = mapped_column(Double)
    peak_memory: Mapped[int | None] = mapped_column(BigInteger)
    peak_gpu_memory: Mapped[int | None] = mapped_column(BigInteger)
    host: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)


class ReportRow(Table):
    """One number of a partial result."""

    __tablename__ = "moopt_reports"
    __table_args__ = (Index("moopt_reports_by_trial", "trial_id"),)

    id: Mapped[int] = mapped_column(_LONG, primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("moopt_trials.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    time: Mapped[datetime] = mapped_column(UtcDateTime)
    fidelity: Mapped[float] = mapped_column(Double)
    name: Mapped[str] = mapped_column(String(500))
    mean: Mapped[float] = mapped_column(Double)
    sem: Mapped[float | None] = mapped_column(Double)


class EventRow(Table):
    """A change: of a trial, or of the study itself."""

    __tablename__ = "moopt_events"
    __table_args__ = (
        Index("moopt_events_by_study", "study_id", "revision"),
        UniqueConstraint("change"),
    )

    id: Mapped[int] = mapped_column(_LONG, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("moopt_studies.id", ondelete="CASCADE"))
    revision: Mapped[int]
    number: Mapped[int | None]
    """Of the trial. NULL: the study itself changed."""

    time: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str | None] = mapped_column(String(20))
    """Which the trial has from then on. NULL: as before."""

    cause: Mapped[str] = mapped_column(Prose)
    driver: Mapped[str | None] = mapped_column(String(500))
    change: Mapped[str | None] = mapped_column(String(40))
    """By which a writer finds out whether a change took place whose answer got lost."""


class DriverRow(Table):
    """A process that runs trials of a study, or did."""

    __tablename__ = "moopt_drivers"
    __table_args__ = (Index("moopt_drivers_by_study", "study_id"),)

    name: Mapped[str] = mapped_column(String(500), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("moopt_studies.id", ondelete="CASCADE"))
    machine: Mapped[str] = mapped_column(Text)
    process: Mapped[int]
    process_started: Mapped[float | None] = mapped_column(Double)
    """Ticks since its machine was, by which a process is told from a later one of its number."""

    lease_seconds: Mapped[float | None] = mapped_column(Double)
    """How long it may be silent. NULL: whoever watches it decides."""

    beats: Mapped[int]
    """Goes up while the driver lives. Others watch it by clocks of their own."""

    workers: Mapped[int]
    target: Mapped[int | None]
    """Trials that it wants the study to have in the end. NULL: nobody said."""

    entered: Mapped[datetime] = mapped_column(UtcDateTime)
    seen: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it last beat, by its own clock. For people only."""

    left: Mapped[datetime | None] = mapped_column(UtcDateTime)
