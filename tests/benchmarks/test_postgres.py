"""The server that tests and benchmarks start for themselves."""

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from moopt.benchmarks import postgres as postgres_module
from moopt.benchmarks.postgres import PostgresServer, find_programs
from moopt.errors import MissingDependencyError

pytestmark = pytest.mark.slow


def test_what_was_committed_outlives_a_server_that_is_killed_or_stopped_at_once(
    postgres: PostgresServer,
) -> None:
    del postgres  # where it cannot start, this cannot either
    with PostgresServer() as server:
        server.execute("CREATE TABLE facts (fact text)")
        server.execute("INSERT INTO facts VALUES ('a')")
        server.kill()
        with pytest.raises(DBAPIError):
            server.execute("SELECT 1")
        server.start()
        server.execute("INSERT INTO facts VALUES ('b')")
        server.stop()
        server.start()

        assert server.execute("SELECT fact FROM facts ORDER BY fact") == [("a",), ("b",)]
        assert "was not properly shut down" in server.log
        folder = Path(server.execute("SHOW unix_socket_directories")[0][0])
    assert not folder.exists()


def test_databases_know_nothing_of_each_other(postgres: PostgresServer) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    name = first.partition("?")[0].rpartition("/")[2]
    postgres.execute("CREATE TABLE facts (fact text)", database=name)

    assert first != second
    with pytest.raises(DBAPIError, match="does not exist"):
        postgres.execute(
            "SELECT * FROM facts", database=second.partition("?")[0].rpartition("/")[2]
        )


def test_without_programs_it_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_module, "PACKAGE", "no_such_package")
    monkeypatch.setattr(postgres_module, "SYSTEM", tmp_path)

    with pytest.raises(MissingDependencyError, match=r"'no_such_package' nor in .*pip install"):
        find_programs()
