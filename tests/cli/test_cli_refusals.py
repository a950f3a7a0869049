"""What is wrong with a call is said in a few lines, with exit status 2."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import TOY, Call
from tests.cli.made_stores import filled


def check(answer: object, status: int, *parts: str) -> None:
    assert getattr(answer, "status", None) == status
    said = " ".join(str(getattr(answer, "err", "")).split())
    assert [part for part in parts if part not in said] == []
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("study = ", "a_study = ", ["defines no `study`", "add `study = Study(...)`"]),
        ("def evaluate", "def assess", ["defines no `evaluate`", "add `def evaluate"]),
        ("def evaluate(", "def evaluate(()", ["line", "mend the syntax"]),
        ('"depth", 1', '"rate", 1', ["two parameters named 'rate'"]),
        ("1e-4, 1.0", "0, 1.0", ["log scale", "needs low > 0, got low=0"]),
        ("from moopt", "import nowhere\nfrom moopt", ["cannot be imported", "nowhere"]),
    ],
)
def test_a_wrong_study_file_is_refused(
    call: Call, toy: Path, old: str, new: str, parts: list[str]
) -> None:
    toy.write_text(TOY.replace(old, new, 1))
    filled_store = toy.with_name("moopt.db")
    filled_store.touch()

    check(call("front", str(toy)), 2, "moopt:", *parts)


def test_an_unknown_study_file_is_refused(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")

    check(call("front", "nothing.py"), 2, "no study file 'nothing.py'")


def test_an_unknown_study_name_comes_with_the_known_ones(
    call: Call, toy: Path, folder: Path
) -> None:
    filled(toy, folder / "moopt.db")

    check(call("front", "tony"), 2, "no study 'tony'", "it has 'toy'")


def test_a_missing_store_is_not_made(call: Call, folder: Path) -> None:
    check(call("status"), 2, "no store 'moopt.db'", "--store")
    assert list(folder.iterdir()) == []


def test_a_store_that_cannot_be_opened_is_refused(call: Call, folder: Path) -> None:
    (folder / "text.db").write_text("this is no database, whatever its name says" * 100)

    check(call("status", "--store", "text.db"), 2, "cannot open the store", "text.db")
    check(call("status", "--store", "nosql://host"), 2, "nosql")


@pytest.mark.parametrize(
    ("selector", "parts"),
    [
        ([], ["exactly one of", "got none"]),
        (["--knee", "--trial", "1"], ["exactly one of", "got --knee and --trial"]),
        (["--trial", "99"], ["no trial 99", "0 to 4"]),
        (["--prefer", "beauty=1"], ["'beauty' is no objective", "accuracy"]),
        (["--prefer", "accuracy"], ["OBJECTIVE=NUMBER", "got 'accuracy'"]),
        (["--prefer", "accuracy=-1"], ["a number >= 0"]),
        (["--where", "latency_ms=20"], ["--where needs", "got 'latency_ms=20'"]),
        (["--where", "latency_ms<=fast"], ["--where needs", "fast"]),
        (["--where", "beauty<1"], ["'beauty'", "does not measure", "latency_ms"]),
    ],
)
def test_a_wrong_selector_is_refused(
    call: Call, toy: Path, folder: Path, selector: list[str], parts: list[str]
) -> None:
    filled(toy, folder / "moopt.db")

    check(call("pick", "toy", *selector), 2, *parts)


def test_limits_that_no_trial_keeps_are_status_1(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")

    answer = call("pick", "toy", "--where", "latency_ms<1")

    check(answer, 1, "no trial of the front has latency_ms<1", "from 2 to 16")


def test_a_folder_with_files_is_not_written_into(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")

    check(call("export", "toy", "--knee", "--to", "."), 2, "new or empty folder")


def test_an_export_that_fails_leaves_nothing(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")
    toy.write_text(TOY.replace("(directory /", "(nowhere /"))

    answer = call("export", "toy", "--knee", "--to", "models/knee")

    check(answer, 2, "`export` of", "NameError", "nowhere")
    assert list((folder / "models").iterdir()) == []


def test_a_study_without_export_says_what_to_add(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")
    toy.write_text(TOY.replace("def export", "def exported"))

    check(call("export", "toy", "--knee", "--to", "m"), 2, "no `export`", "def export(trial, dir")


def test_a_report_has_a_kind(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")

    check(call("report", "toy", "--to", "front.docx"), 2, "ends in .html, .pdf or .png")


def test_a_report_on_paper_needs_matplotlib(
    call: Call, toy: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(toy, folder / "moopt.db")
    for name in [each for each in sys.modules if each.startswith("moopt.reports.")]:
        if name.rpartition(".")[2] in {"paper", "on_paper"}:
            monkeypatch.delitem(sys.modules, name)
    for name in [each for each in sys.modules if each.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    answer = call("report", "toy", "--to", "front.pdf", "--measured-only")

    check(answer, 2, "moopt[paper]")


def test_a_report_needs_a_file(call: Call, toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")

    check(call("report", "toy", "--to", "."), 2, "is a folder")


def test_usage_errors_have_status_2(call: Call) -> None:
    assert call("front").status == 2
    assert call("front", "toy", "--format", "xml").status == 2
    assert call("fronts").status == 2


def test_debug_lets_the_error_through(
    call: Call, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    assert folder.is_dir()
    monkeypatch.setenv("MOOPT_DEBUG", "1")

    with pytest.raises(OSError, match="there is no store"):
        call("status")
