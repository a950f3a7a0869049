"""Shapes and types of the numerical packages are checked while tests run, and Ctrl-C works.

The vocabulary, the store and the loop are left out: they check what users hand them and say so in
their own words, which is what their tests look at.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

from moopt.benchmarks.postgres import PostgresServer
from moopt.errors import MissingDependencyError, StoreError
from tests.executors.ray_nodes import RayNodes, two_raylets

# A job in the background starts with Ctrl-C ignored, one under nohup with the end of its terminal,
# and so would every program it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A machine that is busy with something else is no bug.
settings.register_profile("moopt", deadline=None)
settings.load_profile("moopt")

install_import_hook(
    [
        "moopt.acquisition",
        "moopt.encoding",
        "moopt.evaluators",
        "moopt.front",
        "moopt.merging",
        "moopt.samplers",
        "moopt.surrogates",
        "moopt.training",
    ],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayNodes]:
    """Return a real Ray cluster with two raylets, which the tests share; its token is known."""
    pytest.importorskip("ray", reason="a cluster needs moopt[ray]")
    with two_raylets() as cluster, pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of this process that want one. It syncs nothing to disk."""
    try:
        server = PostgresServer(durable=False)
    except (MissingDependencyError, StoreError) as error:
        pytest.skip(f"no PostgreSQL: {error}")
    with server:
        yield server


@pytest.fixture(scope="session")
def _postgres_database(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def postgres_url(postgres: PostgresServer, _postgres_database: str) -> str:
    """An empty database of PostgreSQL."""
    postgres.empty(_postgres_database)
    return _postgres_database


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a file of SQLite, then one of PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "moopt.db")
    url: str = request.getfixturevalue("postgres_url")
    return url
