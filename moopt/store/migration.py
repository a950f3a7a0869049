"""From the tables of an earlier moopt to those of this one, with Alembic.

Loaded only where a database is not up to date: Alembic takes a third of a second to load.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent / "migrations"
BEFORE_ALEMBIC = "0001"
"""What a database has whose version is in none of the tables of Alembic."""


def knows(version: str) -> bool:
    """Say whether there is a migration of this name."""
    return version in {each.revision for each in _scripts().walk_revisions()}


def newest() -> str | None:
    """Return the name of the newest migration."""
    return _scripts().get_current_head()


def migrate(connection: Connection, found: str | None) -> None:
    """Bring the tables up to date, within the transaction of the connection.

    Args:
        connection: To the database, in a transaction.
        found: The version that the database has. None: it is from before Alembic.
    """
    config = configuration(connection)
    if found is None:
        command.stamp(config, BEFORE_ALEMBIC)
    command.upgrade(config, "head")


def configuration(connection: Connection) -> Config:
    """Return what the commands of Alembic need to work on a database."""
    config = _config()
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    # A percent sign in a path would be the beginning of an interpolation.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
