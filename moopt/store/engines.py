"""From the text that names a store to an engine: which driver, which settings.

SQLite runs in WAL mode, so that readers never wait for a writer. It syncs every commit to disk
(`synchronous=FULL`): with NORMAL a power cut may take back the last commits, which may be hours of
training, while a sync costs a few milliseconds a trial. A writer begins with `BEGIN IMMEDIATE` and
so waits for its turn; a transaction that reads first and then wants to write would be refused.
"""

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from moopt.errors import StoreError

BUSY_SECONDS = 30.0
"""How long a writer waits for the others before it gives up."""

_POSTGRESQL: Mapping[str, int] = {
    "connect_timeout": 10,
    # A server that vanished without a word is noticed within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 4,
}
"""Seconds, and a number of tries."""

EXPECTED = (
    "expected is the path of a SQLite file, such as moopt.db, or a database URL, such as "
    "sqlite:///moopt.db or postgresql://user@host/database"
)
WRITES = "moopt_writes"
"""Execution option of a connection that is going to write."""


def store_url(text: str) -> URL:
    """Return the URL that a text means.

    Raises:
        StoreError: It is none.
    """
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StoreError(f"the store {text!r} is not a database URL; {EXPECTED}") from error
    # The extra `postgres` installs psycopg 3; SQLAlchemy 2.0 would look for psycopg2.
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def store_engine(url: URL) -> Engine:
    """Return the engine for a database, not yet connected.

    Raises:
        StoreError: There cannot be a database, or its driver is not installed.
    """
    options: Mapping[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        options = {"pool_pre_ping": True, "connect_args": dict(_POSTGRESQL)}
    if url.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
        if url.database in {None, "", ":memory:"}:
            # Each connection would have a database of its own.
            options = {**options, "poolclass": StaticPool}
        else:
            _check_file(Path(str(url.database)), url)
    try:
        engine = create_engine(url, **options)
    except NoSuchModuleError as error:
        raise StoreError(
            f"the store {shown(url)} asks for the unknown database {url.drivername!r}; {EXPECTED}"
        ) from error
    except ModuleNotFoundError as error:
        extra = "'moopt[postgres]'" if "psycopg" in url.drivername else error.name
        raise StoreError(
            f"the store {shown(url)} needs the package {error.name!r}, which is not installed; "
            f"pip install {extra}"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _check_file(path: Path, url: URL) -> None:
    if path.is_dir():
        raise cannot_open(url, "that is a folder")
    if not path.parent.is_dir():
        raise cannot_open(
            url, f"there is no folder {str(path.parent)!r}; make it, or take another path"
        )


def _set_up_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    del record
    # From here on SQLAlchemy's "begin" event begins transactions, not the driver.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    _switch_to_wal(cursor)
    cursor.close()


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Switch the file to WAL mode, once; SQLite does not wait for its turn at this by itself."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def cannot_open(url: URL, reason: str) -> StoreError:
    """Return the error for a database that cannot be opened."""
    return StoreError(f"cannot open the store {shown(url)}: {reason}; {EXPECTED}")


def shown(url: URL) -> str:
    """Return the URL without its password."""
    return repr(url.render_as_string(hide_password=True))
