"""Opening a database: which driver, which settings, which schema.

SQLite runs in WAL mode, so that readers never wait for a writer. It syncs every commit to disk
(`synchronous=FULL`): with NORMAL a power cut may take back the last commits, which may be hours of
training, while a sync costs a few milliseconds a trial. A writer begins with `BEGIN IMMEDIATE` and
so waits for its turn; a transaction that reads first and then wants to write would be refused.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from moopt.errors import StoreError
from moopt.store.tables import SCHEMA_VERSION, MetaRow, Table

BUSY_SECONDS = 30.0
"""How long a writer waits for the others before it gives up."""

EXPECTED = (
    "expected is the path of a SQLite file, such as moopt.db, or a database URL, such as "
    "sqlite:///moopt.db or postgresql://user@host/database"
)
_WRITES = "moopt_writes"
_META = MetaRow.__tablename__
_VERSION_KEY = "schema_version"


class Database:
    """A connection pool with read and write transactions. Threads may share it.

    Raises:
        StoreError: It cannot be opened, is no database, or was written by a newer moopt.
    """

    def __init__(self, text: str) -> None:
        self._url = _url(text)
        self._reader = _engine(self._url)
        self._writer = self._reader.execution_options(**{_WRITES: True})
        # In memory all threads share one connection, which has one transaction at a time.
        self._lock = threading.RLock()
        try:
            with self._writer.begin() as connection:
                Table.metadata.create_all(connection, tables=[Table.metadata.tables[_META]])
                _check_version(connection, self._url)
                Table.metadata.create_all(connection)
        except DBAPIError as error:
            self.close()
            raise _cannot_open(self._url, str(error.orig)) from error
        except StoreError:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that sees one state of the database and changes nothing.

        Raises:
            StoreError: The database cannot be read.
        """
        with self._lock, self._errors("read"), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that happens whole or not at all, one after the other.

        Raises:
            StoreError: The database cannot be written.
        """
        with (
            self._lock,
            self._errors("write"),
            Session(self._writer) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(
                f"cannot {action} the store {_shown(self._url)}: {error.orig}; nothing that was "
                "recorded before is lost, mend the cause and run again"
            ) from error


def _url(text: str) -> URL:
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


def _engine(url: URL) -> Engine:
    options: Mapping[str, Any] = {}
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
            f"the store {_shown(url)} asks for the unknown database {url.drivername!r}; {EXPECTED}"
        ) from error
    except ModuleNotFoundError as error:
        extra = "'moopt[postgres]'" if "psycopg" in url.drivername else error.name
        raise StoreError(
            f"the store {_shown(url)} needs the package {error.name!r}, which is not installed; "
            f"pip install {extra}"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _check_file(path: Path, url: URL) -> None:
    if path.is_dir():
        raise _cannot_open(url, "that is a folder")
    if not path.parent.is_dir():
        raise _cannot_open(
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
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _check_version(connection: Connection, url: URL) -> None:
    found = connection.scalar(select(MetaRow.value).where(MetaRow.key == _VERSION_KEY))
    if found is None:
        connection.execute(insert(MetaRow).values(key=_VERSION_KEY, value=str(SCHEMA_VERSION)))
    elif int(found) > SCHEMA_VERSION:
        raise StoreError(
            f"the store {_shown(url)} was written by a newer moopt: its schema has version "
            f"{found}, this moopt knows up to {SCHEMA_VERSION}; upgrade moopt, or take another "
            "store"
        )


def _cannot_open(url: URL, reason: str) -> StoreError:
    return StoreError(f"cannot open the store {_shown(url)}: {reason}; {EXPECTED}")


def _shown(url: URL) -> str:
    """Return the URL without its password."""
    return repr(url.render_as_string(hide_password=True))
