"""Revisions, events, drivers that beat, what evaluations took, partial results."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; leases by the clock make room for drivers that beat."""
    for name in ("stop_revision", "stop_at_once"):
        kind = sa.Integer() if name == "stop_revision" else sa.Boolean()
        op.add_column("moopt_studies", sa.Column(name, kind))
    op.add_column("moopt_studies", _count("revision"))
    for name in ("revision", "worker_losses", "driver_losses"):
        op.add_column("moopt_trials", _count(name))
    op.add_column(
        "moopt_trials", sa.Column("key", sa.String(40), nullable=False, server_default="")
    )
    op.add_column("moopt_trials", sa.Column("failure_cause", sa.String(40)))
    op.create_index("moopt_trials_by_revision", "moopt_trials", ["study_id", "revision"])
    # Alembic would make SQLite copy the table, and dropping the old one empties those below it.
    op.execute("ALTER TABLE moopt_trials DROP COLUMN lease_ends")
    op.execute("DROP TABLE IF EXISTS moopt_meta")
    _create_evaluations()
    _create_reports()
    _create_events()
    _create_drivers()


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _parent(table: str, column: str, *, key: bool = False) -> sa.Column[int]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.Integer(), target, primary_key=key, nullable=False)


def _create_evaluations() -> None:
    op.create_table(
        "moopt_evaluations",
        _parent("moopt_trials", "trial_id", key=True),
        sa.Column("split", sa.String(20), primary_key=True),
        *(
            sa.Column(f"{name}_seconds", sa.Double, nullable=False)
            for name in ("wall", "cpu", "gpu")
        ),
        sa.Column("peak_memory", sa.BigInteger),
        sa.Column("peak_gpu_memory", sa.BigInteger),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
    )


def _create_reports() -> None:
    op.create_table(
        "moopt_reports",
        sa.Column("id", LONG, primary_key=True),
        _parent("moopt_trials", "trial_id"),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("time", MOMENT, nullable=False),
        sa.Column("fidelity", sa.Double, nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("mean", sa.Double, nullable=False),
        sa.Column("sem", sa.Double),
    )
    op.create_index("moopt_reports_by_trial", "moopt_reports", ["trial_id"])


def _create_events() -> None:
    op.create_table(
        "moopt_events",
        sa.Column("id", LONG, primary_key=True),
        _parent("moopt_studies", "study_id"),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("time", MOMENT, nullable=False),
        sa.Column("state", sa.String(20)),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("driver", sa.String(500)),
        sa.Column("change", sa.String(40)),
        sa.UniqueConstraint("change"),
    )
    op.create_index("moopt_events_by_study", "moopt_events", ["study_id", "revision"])


def _create_drivers() -> None:
    op.create_table(
        "moopt_drivers",
        sa.Column("name", sa.String(500), primary_key=True),
        _parent("moopt_studies", "study_id"),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("process", sa.Integer, nullable=False),
        sa.Column("process_started", sa.Double),
        sa.Column("lease_seconds", sa.Double),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("workers", sa.Integer, nullable=False),
        sa.Column("target", sa.Integer),
        sa.Column("entered", MOMENT, nullable=False),
        sa.Column("seen", MOMENT, nullable=False),
        sa.Column("left", MOMENT),
    )
    op.create_index("moopt_drivers_by_study", "moopt_drivers", ["study_id"])
