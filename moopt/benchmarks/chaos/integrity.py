"""Whether a database is whole and nobody holds anything in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from moopt.store.checking import problems
from moopt.store.database import Database

_BUSY_SECONDS = 5.0
_OTHERS = (
    "SELECT pid, state, query FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def database_faults(store: str) -> list[str]:
    """Return what is wrong with a database that nobody should be using.

    Args:
        store: A file of SQLite, or the URL of a PostgreSQL database.

    Raises:
        StoreError: It cannot be read.
    """
    locks = _sessions(store) if "://" in store else _lock(Path(store))
    database = Database(store)
    try:
        return locks + problems(database)
    finally:
        database.close()


def _lock(file: Path) -> list[str]:
    with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            return [f"the database cannot be written: {error}"]
        return []


def _sessions(url: str) -> list[str]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(_OTHERS)
        return [f"a session is still open: {tuple(row)}" for row in rows]
