"""Databases that are away for a while, full, or gone before they could answer."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from moopt.errors import StoreError
from moopt.store.store import Store
from moopt.study.trials import Measurement, TrialState
from tests.store.test_store import CANDIDATE, STUDY


class Outage:
    """Breaks the connection after commits, as often as it is told to."""

    def __init__(self) -> None:
        self.left = 0

    def __call__(self, _session: Session) -> None:
        if self.left:
            self.left -= 1
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("connection lost"))


@pytest.fixture
def outage() -> Iterator[Outage]:
    made = Outage()
    event.listen(Session, "after_commit", made)
    yield made
    event.remove(Session, "after_commit", made)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(str(tmp_path / "moopt.db"), patience_seconds=20.0) as opened:
        opened.register(STUDY)
        yield opened


def test_a_change_whose_answer_got_lost_is_made_once(store: Store, outage: Outage) -> None:
    outage.left = 1
    trial = store.add("spam", CANDIDATE, 0, number=0)
    assert trial == store.trials("spam")[0]
    assert trial.state is TrialState.PROPOSED

    outage.left = 2
    assert store.start("spam", 0, driver="a").attempts == 1

    outage.left = 1
    store.complete("spam", 0, {"accuracy": Measurement(0.5)})
    outage.left = 1
    store.record_held_out("spam", 0, {"accuracy": Measurement(0.4)})

    (trial,) = store.trials("spam")
    assert (trial.state, trial.attempts) == (TrialState.COMPLETED, 1)
    assert [each.cause for each in store.events("spam")] == [
        *("proposed", "started by a", "measured", "measured on held-out data")
    ]


def add_many(store: Store) -> None:
    for _ in range(2000):
        store.add("spam", CANDIDATE, 0)


def test_a_store_that_stays_away_is_given_up_with_what_to_do(
    tmp_path: Path, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with Store(str(tmp_path / "moopt.db"), patience_seconds=3.0) as store:
        store.register(STUDY)
        outage.left = 1000

        with (
            caplog.at_level(logging.WARNING, "moopt.store.database"),
            pytest.raises(StoreError, match=r"cannot write the store .* connection lost; nothing"),
        ):
            store.set_references("spam", {"latency": 1.0})
        outage.left = 0

    assert "trying again for 3 s" in caplog.text


def test_an_error_that_does_not_pass_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "moopt.db"
    with Store(str(path)) as store:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE moopt_studies")
        connection.close()

        with pytest.raises(StoreError, match="no such table"):
            store.studies()


def test_a_full_disk_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "moopt.db"
    with Store(str(path), patience_seconds=3.0) as store:
        store.register(STUDY)
        limited: list[bool] = []

        def limit(session: Session, *_: object) -> None:
            if not limited:
                limited.append(True)
                session.connection().exec_driver_sql("PRAGMA max_page_count = 1")

        event.listen(Session, "before_flush", limit)
        try:
            with pytest.raises(StoreError, match="database or disk is full; nothing that was"):
                add_many(store)
        finally:
            event.remove(Session, "before_flush", limit)
    assert "database or disk is full; trying again" in caplog.text
