import csv
import json
from pathlib import Path

import pytest

from moopt.store.store import Store
from moopt.study.loading import load_study_file
from tests.cli.conftest import Call
from tests.cli.made_stores import filled


@pytest.fixture(autouse=True)
def store(toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")


def test_a_table_shows_the_best_trial_of_each_kind(call: Call) -> None:
    answer = call("archive", "toy", "--by", "depth:2")

    words = [line.split() for line in answer.out.splitlines()]
    assert answer.status == 0
    assert words[0][:2] == ["depth", "trial"]
    # Accuracy and latency judge together: of depths 1, 2 and 4 the second trial is in the middle.
    assert [row[:4] for row in words[2:4]] == [["1", "to", "4", "1"], ["5", "to", "8", "3"]]
    assert "2 of 2 kinds found, the best of each by accuracy and latency_ms" in answer.out


def test_json_says_what_the_kinds_are(call: Call) -> None:
    answer = call(
        "archive", "toy", "--by", "latency_ms:2:0:20", "--quality", "accuracy", "--format", "json"
    )

    found = json.loads(answer.out)
    assert list(found) == ["study", "features", "quality", "kinds", "trials"]
    assert found["features"] == [
        {"name": "latency_ms", "cells": 2, "low": 0.0, "high": 20.0, "choices": None}
    ]
    assert [trial["number"] for trial in found["trials"]] == [2, 3]
    assert [trial["kind"] for trial in found["trials"]] == [
        {"latency_ms": [0.0, 10.0]},
        {"latency_ms": [10.0, 20.0]},
    ]
    assert found["quality"] == ["accuracy"]


def test_csv_begins_with_the_kind(call: Call) -> None:
    answer = call("archive", "toy", "--by", "latency_ms:2:0:20", "--format", "csv")

    rows = list(csv.DictReader(answer.out.splitlines()))
    assert [row["kind.latency_ms"] for row in rows] == ["0 to 10", "10 to 20"]
    assert [row["number"] for row in rows] == ["2", "3"]
    assert rows[0]["measurement.accuracy.mean"] == "0.75"


def test_without_options_the_second_objective_makes_the_kinds(call: Call) -> None:
    assert "of 8 kinds found, the best of each by accuracy" in call("archive", "toy").out


def test_what_cannot_be_is_refused(call: Call) -> None:
    wrong, unread = call("archive", "toy", "--by", "size"), call("archive", "toy", "--by", "a:b")
    quality = call("archive", "toy", "--quality", "depth")

    assert [each.status for each in (wrong, unread, quality)] == [2, 2, 2]
    assert "no feature 'size'; choose from ['accuracy', 'latency_ms', 'rate', 'depth']" in wrong.err
    assert "such as latency_ms:10:0:50" in unread.err


def test_a_study_without_a_whole_trial_has_no_archive(call: Call, folder: Path, toy: Path) -> None:
    other = toy.with_name("other.py")
    other.write_text(toy.read_text().replace('"toy"', '"other"'))
    with Store(str(folder / "moopt.db")) as opened:
        opened.register(load_study_file(other).study, other)

    answer = call("archive", "other")

    assert answer.status == 1
    assert "study 'other' has no" in answer.err
