from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from moopt.benchmarks.chaos.rounds import Run
from moopt.benchmarks.postgres import PostgresServer
from tests.chaos.onlooking import Begin


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Start the drivers of a plan; whatever still runs of them is killed after the test."""
    with ExitStack() as stack:
        yield lambda plan: stack.enter_context(Run(plan))


@pytest.fixture
def own_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server of the test's own, which it may kill."""
    del postgres  # where it cannot start, this cannot either
    with PostgresServer() as server:
        yield server
