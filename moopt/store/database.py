"""Transactions on a database that somebody may restart, or whose disk may be full for a while.

What is written is given as a function, so that it can be done again where it failed through no
fault of its own.
"""

import importlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import URL, Connection, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from moopt.errors import StoreError
from moopt.store.engines import WRITES, cannot_open, shown, store_engine, store_url
from moopt.store.tables import HEAD, StudyRow, Table, VersionRow
from moopt.store.trouble import is_passing

PATIENCE_SECONDS = 300.0
"""How long a database may be away, or its disk full, before a run gives up."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_OPENING_LOCK = 0x6D6F6F7074
"""Number of the lock under which one process at a time makes tables in PostgreSQL."""

_LOGGER = logging.getLogger(__name__)

T = TypeVar("T")


class Database:
    """A connection pool with read and write transactions. Threads may share it.

    Args:
        text: URL, or path of a SQLite file.
        patience_seconds: How long to try again where a database is away or full.

    Raises:
        StoreError: It cannot be opened, is no database, or was written by a newer moopt.
    """

    def __init__(self, text: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.url = store_url(text)
        self._patience = patience_seconds
        engine = store_engine(self.url)
        is_server = engine.dialect.name == "postgresql"
        # A reader of several tables sees one state of them all, in SQLite without being told.
        self._reader = (
            engine.execution_options(isolation_level="REPEATABLE READ") if is_server else engine
        )
        self._writer = engine.execution_options(**{WRITES: True})
        # In memory all threads share one connection, which has one transaction at a time.
        self._lock = threading.RLock()
        try:
            self._bring_up_to_date()
        except DBAPIError as error:
            self.close()
            raise cannot_open(self.url, str(error.orig)) from error
        except StoreError:
            self.close()
            raise

    def read(self, work: Callable[[Session], T]) -> T:
        """Do something in a transaction that sees one state of the database and changes nothing.

        Raises:
            StoreError: The database cannot be read.
        """

        def once() -> T:
            with self._lock, Session(self._reader) as session:
                return work(session)

        return self._patiently("read", once)

    def write(self, work: Callable[[Session], T], *, before: Callable[[Session], T | None]) -> T:
        """Do something in a transaction that happens whole or not at all, one after the other.

        Args:
            work: Changes something.
            before: Asked before another try: what `work` returned, if the last try took place after
                all and only its answer got lost; None if it did not.

        Raises:
            StoreError: The database cannot be written.
        """
        tries = 0

        def once() -> T:
            nonlocal tries
            tries += 1
            with self._lock, Session(self._writer) as session, session.begin():
                done = before(session) if tries > 1 else None
                return work(session) if done is None else done

        return self._patiently("write", once)

    def write_again(self, work: Callable[[Session], T]) -> T:
        """Do the same for something that may happen twice without harm.

        Raises:
            StoreError: The database cannot be written.
        """
        return self.write(work, before=lambda _session: None)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Open a transaction for reading and writing whole tables.

        Raises:
            StoreError: The database cannot be read or written.
        """
        try:
            with self._lock, self._writer.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._cannot("write", error) from error

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()

    def _patiently(self, action: str, once: Callable[[], T]) -> T:
        pause, began, said = _FIRST_PAUSE, time.monotonic(), False
        while True:
            try:
                result = once()
            except DBAPIError as error:
                waited = time.monotonic() - began
                if waited >= self._patience or not is_passing(error):
                    raise self._cannot(action, error) from error
                if not said and pause > 4 * _FIRST_PAUSE:
                    said = True
                    _LOGGER.warning(
                        "cannot %s the store %s: %s; trying again for %g s",
                        action,
                        shown(self.url),
                        _one_line(error),
                        self._patience,
                    )
                time.sleep(min(pause, max(self._patience - waited, 0.0)))
                pause = min(2.0 * pause, _LONGEST_PAUSE)
            else:
                if said:
                    _LOGGER.warning("the store %s is there again", shown(self.url))
                return result

    def _cannot(self, action: str, error: DBAPIError) -> StoreError:
        return StoreError(
            f"cannot {action} the store {shown(self.url)}: {_one_line(error)}; nothing that was "
            "recorded before is lost, mend the cause and run again"
        )

    def _bring_up_to_date(self) -> None:
        with self._reader.connect() as connection:
            if _version(connection) == HEAD:
                return
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_OPENING_LOCK})"))
            found = _version(connection)
            if found == HEAD:
                # Another process was faster.
                return
            if found is None and not inspect(connection).has_table(StudyRow.__tablename__):
                Table.metadata.create_all(connection)
                connection.execute(insert(VersionRow).values(version_num=HEAD))
                return
            _migrate(connection, self.url, found)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VersionRow.__tablename__):
        return None
    return connection.scalar(select(VersionRow.version_num))


def _migrate(connection: Connection, url: URL, found: str | None) -> None:
    migration = importlib.import_module("moopt.store.migration")
    if found is not None and not migration.knows(found):
        raise StoreError(
            f"the store {shown(url)} was written by a newer moopt: its tables have version "
            f"{found}, this moopt knows up to {HEAD}; upgrade moopt, or take another store"
        )
    migration.migrate(connection, found)


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())
