"""Trials that take earlier ones further."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the number of the trial that one continues; up to now none did."""
    op.add_column("moopt_trials", sa.Column("continues", sa.Integer()))
