"""Earlier studies that a study learns from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table of sources; up to now no study had any."""
    op.create_table(
        "moopt_sources",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("moopt_studies.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("trials", sa.JSON, nullable=False),
        sa.UniqueConstraint("study_id", "position"),
    )
