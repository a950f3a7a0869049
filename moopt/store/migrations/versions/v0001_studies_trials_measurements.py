"""Studies, trials and measurements: the tables of moopt before it used Alembic."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "moopt_studies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(500), nullable=False, unique=True),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("inferred", sa.JSON, nullable=False),
        sa.Column("path", sa.Text),
        sa.Column("created", moment, nullable=False),
    )
    op.create_table(
        "moopt_trials",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("moopt_studies.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("fidelity", sa.Double),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("sampler", sa.String(200), nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("started", moment),
        sa.Column("ended", moment),
        sa.Column("failure_kind", sa.String(20)),
        sa.Column("failure_message", sa.Text),
        sa.Column("driver", sa.String(500)),
        sa.Column("lease_ends", moment),
        sa.UniqueConstraint("study_id", "number"),
    )
    op.create_index("moopt_trials_by_driver", "moopt_trials", ["driver"])
    op.create_table(
        "moopt_measurements",
        sa.Column(
            "trial_id",
            sa.Integer,
            sa.ForeignKey("moopt_trials.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("split", sa.String(20), primary_key=True),
        sa.Column("name", sa.String(500), primary_key=True),
        sa.Column("mean", sa.Double, nullable=False),
        sa.Column("sem", sa.Double),
    )
