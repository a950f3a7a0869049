"""What Alembic runs around the migrations. `moopt.store.migration` gives the connection."""

from alembic import context

from moopt.store.tables import Table, VersionRow

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VersionRow.__tablename__,
    compare_type=True,
)
context.run_migrations()
