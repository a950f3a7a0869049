"""Copies of databases, and contradictions in them."""

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import StoreError
from moopt.store.checking import problems
from moopt.store.copying import copy_studies
from moopt.store.database import Database
from moopt.store.reports import PartialResult
from moopt.store.store import Store
from moopt.study.trials import Candidate, Failure, FailureCause, FailureKind, Measurement
from moopt.study.usage import Usage
from tests.store.test_store import CANDIDATE, STUDY, floats

AWKWARD = [5e-324, 0.1 + 0.2, -1e308, 3.0, math.pi]


def fill(path: Path, means: list[float]) -> None:
    """Enter two studies with trials in every state, reports, usage and held-out figures."""
    with Store(str(path)) as store:
        for name in ("ham", "spam"):
            study = replace(STUDY, name=name)
            store.register(study)
            for number, mean in enumerate(means):
                store.add(name, replace(CANDIDATE, fidelity=mean, notes={"a": "b"}), 7, driver="d")
                usage = Usage(mean % 7, 0.1, 0.0, 2**40, 2**33, "host", "cuda:0")
                store.complete(name, number, {"accuracy": Measurement(mean, 0.1)}, usage=usage)
                store.record_held_out(name, number, {"accuracy": Measurement(-mean)})
            failure = Failure(FailureKind.CANDIDATE, "no\ngood", FailureCause.ERROR)
            failed = store.add(name, CANDIDATE, 7, driver="d").number
            store.fail(name, failed, failure)
            store.add(name, Candidate({"rate": 0.5}), 7)
            early = store.add(name, replace(CANDIDATE, fidelity=9.0), 7, driver="d").number
            store.complete(name, early, {"accuracy": Measurement(0.1)}, reached=3.0)
            store.add(name, replace(CANDIDATE, fidelity=9.0, continues=early), 7)
            (event,) = store.events(name, count=1)
            result = PartialResult(0, 1, 2.5, {"accuracy": Measurement(means[0])}, event.time)
            store.report(name, result)
            store.set_references(name, {"latency": means[0]})


def copied(source: str, target: str) -> None:
    giver, taker = Database(source), Database(target)
    try:
        copy_studies(giver, taker)
    finally:
        giver.close()
        taker.close()


def assert_same(source: str, target: str) -> None:
    with Store(source) as one, Store(target) as other:
        assert one.studies() == other.studies()
        for name in one.studies():
            assert repr(one.trials(name)) == repr(other.trials(name))
            assert one.events(name) == other.events(name)
            assert one.reports(name) == other.reports(name)
            assert one.inferred(name) == other.inferred(name)
            assert one.revision(name) == other.revision(name)
            keys = [[trial.key for trial in store.trials(name)] for store in (one, other)]
            assert keys[0] == keys[1]
            assert all(keys[0])


def test_a_copy_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    fill(source, AWKWARD)

    copied(str(source), str(target))

    assert_same(str(source), str(target))


@settings(max_examples=5)
@given(means=st.lists(floats, min_size=1, max_size=5))
def test_any_numbers_are_copied(
    tmp_path_factory: pytest.TempPathFactory, means: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("copy")
    fill(folder / "a.db", means)

    copied(str(folder / "a.db"), str(folder / "b.db"))

    assert_same(str(folder / "a.db"), str(folder / "b.db"))


def test_studies_are_copied_beside_those_that_are_there(tmp_path: Path) -> None:
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    fill(source, [0.5])
    with Store(str(target)) as store:
        store.register(replace(STUDY, name="eggs"))
        store.add("eggs", CANDIDATE, 0)

    copied(str(source), str(target))

    with Store(str(target)) as store:
        assert store.studies() == ["eggs", "ham", "spam"]
        assert [len(store.trials(name)) for name in store.studies()] == [1, 5, 5]
        store.add("spam", CANDIDATE, 0)
    with pytest.raises(StoreError, match="has 'ham', 'spam' already; copy to one that does not"):
        copied(str(source), str(target))


def found(path: Path) -> list[str]:
    database = Database(str(path))
    try:
        return problems(database)
    finally:
        database.close()


def test_a_store_in_order_has_no_problems(tmp_path: Path) -> None:
    fill(tmp_path / "a.db", AWKWARD)

    assert found(tmp_path / "a.db") == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM moopt_trials WHERE number = 1", "study 'spam': trials 1 are missing"),
        (
            "DELETE FROM moopt_measurements WHERE trial_id = 8",
            "study 'spam': trials 0 are completed or stopped and have no measurements",
        ),
        (
            "UPDATE moopt_trials SET state = 'failed' WHERE id = 8",
            "study 'spam': trials 0 have measurements and are not completed or stopped",
        ),
        (
            "UPDATE moopt_events SET cause = 'measured' WHERE number = 3 AND study_id = 2",
            "study 'spam': trials 3 were completed twice",
        ),
        (
            "UPDATE moopt_trials SET state = 'running' WHERE id = 12",
            "study 'spam': trial 4 is running, its last event says proposed",
        ),
        (
            "INSERT INTO moopt_measurements VALUES (99, 'search', 'accuracy', 1.0, NULL)",
            " of table moopt_measurements belongs to nothing",
        ),
    ],
)
def test_contradictions_are_found(tmp_path: Path, statement: str, problem: str) -> None:
    fill(tmp_path / "a.db", [0.5, 0.25, 0.125])
    with sqlite3.connect(tmp_path / "a.db") as file:
        file.execute(statement)
    file.close()

    assert any(problem in each for each in found(tmp_path / "a.db"))
