"""Databases of earlier versions of moopt."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from moopt.store import migration
from moopt.store.engines import store_engine
from moopt.store.engines import store_url as url_of
from moopt.store.store import Store
from moopt.store.tables import HEAD, Table
from moopt.study.serialization import study_to_json
from moopt.study.source import Source
from moopt.study.trials import Measurement, TrialState
from tests.store.test_store import CANDIDATE, STUDY

MOMENT = "2026-11-20 10:00:00.000000"


def first_database(path: Path) -> None:
    """Make the tables of the first version, with a trial that is done and one that runs."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = migration.configuration(connection)
        command.upgrade(config, "0001")
    engine.dispose()
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE moopt_schema")
        file.execute("CREATE TABLE moopt_meta (key TEXT PRIMARY KEY, value TEXT)")
        file.execute(
            "INSERT INTO moopt_studies VALUES (1, 'spam', ?, '{}', NULL, ?)",
            (json.dumps(study_to_json(STUDY)), MOMENT),
        )
        for number, state in enumerate(("completed", "running")):
            file.execute(
                "INSERT INTO moopt_trials VALUES"
                " (?, 1, ?, ?, ?, NULL, 7, 'sobol', '{}', 1, ?, ?, NULL, NULL, 'host:1:f', ?)",
                (
                    *(number + 1, number, state),
                    json.dumps(CANDIDATE.parameters),
                    *(MOMENT, MOMENT, MOMENT),
                ),
            )
        file.execute("INSERT INTO moopt_measurements VALUES (1, 'search', 'accuracy', 0.1, 0.01)")
    file.close()


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    assert migration.newest() == HEAD


def test_a_database_of_the_first_version_keeps_its_trials(tmp_path: Path) -> None:
    path = tmp_path / "moopt.db"
    first_database(path)

    with Store(str(path)) as store:
        done, running = store.trials("spam")
        assert done.measurements == {"accuracy": Measurement(0.1, 0.01)}
        assert done.parameters == CANDIDATE.parameters
        assert running.state is TrialState.RUNNING
        store.complete("spam", running.number, {"accuracy": Measurement(0.2)})
        store.add("spam", CANDIDATE, 0)
    with Store(str(path)) as again:
        assert [trial.state.value for trial in again.trials("spam")] == [
            *("completed", "completed", "proposed")
        ]


def test_migrations_make_the_tables_that_a_new_database_gets(tmp_path: Path) -> None:
    path = tmp_path / "moopt.db"
    first_database(path)
    Store(str(path)).close()

    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_a_database_without_sources_gets_their_table(store_url: str) -> None:
    engine = store_engine(url_of(store_url))
    with engine.begin() as connection:
        command.upgrade(migration.configuration(connection), "0003")
    engine.dispose()

    with Store(store_url) as store:
        store.register(STUDY)
        earlier = Source(replace(STUDY, name="earlier"), [])
        assert store.keep_sources("spam", [earlier]) == (earlier,)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()
