"""What happened, once more, stop, and the store itself: commands on the record."""

import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest

from moopt.store.drivers import new_driver
from moopt.store.store import Store
from moopt.store.studies import StopRequest
from moopt.study.trials import Candidate, Failure, FailureKind, TrialState
from tests.cli.conftest import Call
from tests.cli.made_stores import filled


@pytest.fixture(autouse=True)
def store(toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")


def test_the_last_events_are_told_with_their_causes(call: Call) -> None:
    answer = call("trials", "toy", "--events", "3")

    lines = [line.split() for line in answer.out.splitlines()[2:]]
    assert [" ".join(line[2:]) for line in lines] == [
        "4 running started by test",
        "4 failed failed (candidate): RuntimeError: depth 7 does not fit",
        "2 completed measured on held-out data",
    ]


def test_events_as_json_and_csv_say_the_same(call: Call) -> None:
    written = json.loads(call("trials", "toy", "--events", "50", "--format", "json").out)
    rows = list(
        csv.DictReader(io.StringIO(call("trials", "toy", "--events", "50", "--format", "csv").out))
    )

    assert written["study"] == "toy"
    assert [row["cause"] for row in rows] == [each["cause"] for each in written["events"]]
    assert written["events"][1] == {
        "time": rows[1]["time"],
        "trial": 0,
        "state": "running",
        "cause": "started by test",
        "driver": "test",
        "revision": 2,
    }


def test_the_events_of_one_trial(call: Call) -> None:
    answer = call("trials", "toy", "--events", "50", "--trial", "4", "--format", "json")

    states = [each["state"] for each in json.loads(answer.out)["events"]]
    assert states == ["proposed", "running", "failed"]


def test_a_failed_trial_is_asked_for_again(call: Call, folder: Path) -> None:
    assert "no trial that failed through no fault of its own" in call("retry", "toy").out

    answer = call("retry", "toy", "--trial", "4")

    assert answer.out == "the next `moopt run` does again: 4\n"
    with Store(str(folder / "moopt.db")) as opened:
        assert opened.trials("toy")[4].state is TrialState.PROPOSED


def test_only_failures_of_the_infrastructure_are_retried_unasked(call: Call, folder: Path) -> None:
    with Store(str(folder / "moopt.db")) as opened:
        trial = opened.add("toy", Candidate({"rate": 0.1, "depth": 3}), 0, driver="test")
        opened.fail("toy", trial.number, Failure(FailureKind.TIMEOUT, "too long"))

    assert call("retry", "toy").out == "the next `moopt run` does again: 5\n"


def test_a_trial_that_has_not_failed_is_not_retried(call: Call) -> None:
    answer = call("retry", "toy", "--trial", "2")

    assert answer.status == 2
    assert "trial 2 of study 'toy' needs to be failed for this, it is completed" in answer.err


def test_runs_are_asked_to_stop(call: Call, folder: Path) -> None:
    assert call("stop", "toy").out == "nothing runs of study 'toy'\n"
    driver = new_driver()
    with Store(str(folder / "moopt.db")) as opened:
        opened.drivers.enter(driver, "toy", workers=2, target=20)
        before = opened.revision("toy")

        answer = call("stop", "toy", "--now")

        assert answer.out == f"asked 1 to stop now: {driver.name}\n"
        assert opened.stop_asked("toy", since=before) is StopRequest.AT_ONCE
        assert f"driver       {driver.name}, 2 workers, up to 20 trials, seen " in (
            call("status", "toy").out
        )
        opened.drivers.leave(driver, "toy")
        assert call("stop", "toy").out == "nothing runs of study 'toy'\n"


def test_a_store_in_order(call: Call) -> None:
    assert call("store", "check").out == "the store moopt.db is in order\n"
    assert "is up to date" in call("store", "upgrade").out


def test_a_store_that_contradicts_itself(call: Call, folder: Path) -> None:
    with sqlite3.connect(folder / "moopt.db") as file:
        file.execute("DELETE FROM moopt_measurements")
    file.close()

    answer = call("store", "check")

    assert answer.status == 1
    assert "trials 0, 1, 2, 3 are completed or stopped and have no measurements" in answer.err


def test_a_store_is_copied(call: Call, folder: Path) -> None:
    answer = call("store", "copy", "moopt.db", "other.db")

    assert answer.status == 0
    assert answer.out.splitlines()[2].split() == ["toy", "5", "9", "16"]
    with Store("moopt.db") as one, Store("other.db") as other:
        assert one.trials("toy") == other.trials("toy")
    again = call("store", "copy", "moopt.db", "other.db")
    assert again.status == 2
    assert "has 'toy' already; copy to one that does not" in again.err
    assert call("store", "copy", "none.db", "other.db").err.startswith(
        "moopt: there is no store 'none.db' to copy"
    )
    assert not (folder / "none.db").exists()


def test_a_study_that_was_changed_is_refused_or_accepted(call: Call, toy: Path) -> None:
    toy.write_text(toy.read_text(encoding="utf-8").replace("1e-4, 1.0", "1e-4, 2.0"), "utf-8")
    words = ("run", str(toy), "--trials", "6", "--executor", "in-process", "--sampler", "sobol")

    refused = call(*words)

    assert refused.status == 2
    assert "parameter 'rate': high was 1.0 and is 2.0. Rename" in refused.err
    assert call(*words, "--accept-changes").status == 0
    assert call(*words).status == 0
