import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from moopt.reports.advice import advice
from moopt.study.trials import Failure, FailureKind
from tests.cli.conftest import Call
from tests.cli.made_stores import add_noisy_trials, filled

MOOPT = Path(sys.executable).with_name("moopt")


@pytest.fixture(autouse=True)
def store(toy: Path, folder: Path) -> None:
    filled(toy, folder / "moopt.db")


def on_a_terminal(*words: str, width: int) -> str:
    """Return what a command prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, width))
    environment = {**os.environ, "TERM": "dumb"}
    environment.pop("COLUMNS", None)
    with subprocess.Popen([MOOPT, *words], stdout=theirs, env=environment) as process:
        os.close(theirs)
        chunks = iter(lambda: read(ours), b"")
        text = b"".join(chunks).decode()
    os.close(ours)
    assert process.returncode == 0
    return text


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    # What Linux says when the other side of a terminal is closed.
    except OSError:
        return b""


def test_the_front_as_json_is_read_by_name(call: Call) -> None:
    answer = call("front", "toy", "--format", "json")

    front = json.loads(answer.out)
    assert answer.status == 0
    assert list(front) == ["study", "objectives", "hypervolume", "trials", "recommended"]
    assert [trial["number"] for trial in front["trials"]] == [0, 1, 2, 3]
    assert front["trials"][2]["held_out"] == {"accuracy": {"mean": 0.7, "sem": 0.02}}


def test_a_study_file_names_the_same_study(call: Call, toy: Path) -> None:
    assert call("front", str(toy), "--format", "json") == call("front", "toy", "--format", "json")


def test_the_front_as_a_table_has_held_out_beside_search_and_names_the_knee(call: Call) -> None:
    answer = call("front", "toy")

    assert "0.750 ± 0.010   0.700 ± 0.020" in answer.out
    assert "4 trials of 5 on the front" in answer.out
    assert "knee: trial" in answer.out


@pytest.mark.slow
def test_a_narrow_terminal_gets_stacked_measurements_and_no_broken_lines() -> None:
    text = on_a_terminal("front", "toy", width=44)

    words = " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 44
    assert "Second line: held-out data" in words
    assert "Not shown: 2 parameters" in words


@pytest.mark.slow
def test_a_wide_terminal_gets_everything() -> None:
    text = on_a_terminal("front", "toy", width=160)

    assert "depth" in text
    assert "Not shown" not in text


def test_csv_has_a_line_for_each_trial(call: Call) -> None:
    assert len(call("trials", "toy", "--format", "csv").out.splitlines()) == 6
    assert len(call("front", "toy", "--format", "csv").out.splitlines()) == 5


def test_failed_trials_come_with_their_reason(call: Call) -> None:
    (trial,) = json.loads(call("trials", "toy", "--failed", "--format", "json").out)["trials"]

    assert trial["failure"] == {
        "kind": "candidate",
        "cause": "unknown",
        "message": "RuntimeError: depth 7 does not fit",
        "advice": advice(Failure(FailureKind.CANDIDATE, "")),
    }
    shown = call("trials", "toy", "--failed").out
    assert "depth 7 does not fit" in shown
    assert f"\nwhat to do\n  candidate, trial 4: {trial['failure']['advice']}\n" in shown


def test_status_counts_states_and_failures(call: Call) -> None:
    for_one, for_all = call("status", "toy"), call("status")

    assert "5: 4 completed, 1 failed" in for_one.out
    assert "1 x candidate, last: trial 4: RuntimeError: depth 7 does not fit" in for_one.out
    assert for_all.out == for_one.out


@pytest.mark.parametrize(
    ("selector", "number"),
    [
        (["--trial", "4"], 4),
        (["--prefer", "accuracy=1"], 3),
        (["--prefer", "latency_ms=1.0, accuracy=0"], 0),
        (["--where", "latency_ms<=4 and accuracy > 0.1"], 1),
        (["--where", "latency_ms>=8,latency_ms<16"], 2),
        (["--where", "latency_ms>4", "--where", "latency_ms<10"], 2),
    ],
)
def test_a_selector_names_one_trial(call: Call, selector: list[str], number: int) -> None:
    answer = call("pick", "toy", *selector, "--format", "json")

    assert json.loads(answer.out)["number"] == number


def test_a_picked_trial_is_shown_with_its_parameters(call: Call) -> None:
    answer = call("pick", "toy", "--trial", "2")

    assert "toy, trial 2 (completed)" in answer.out
    assert "0.750 ± 0.010   0.700 ± 0.020" in answer.out
    assert "depth" in answer.out


def test_a_report_carries_the_question_of_the_study_file(call: Call, folder: Path) -> None:
    answer = call("report", "toy", "--to", "out/front.html")

    page = (folder / "out" / "front.html").read_text(encoding="utf-8")
    assert (answer.status, answer.out) == (0, "")
    assert "How fast against how right?" in page


def test_an_export_is_told_the_folder_of_its_trial(call: Call, toy: Path) -> None:
    told = toy.read_text().replace(
        "def export(trial, directory):",
        "def export(trial, directory, folder):\n    print('folder', folder)\n",
    )
    toy.write_text(told)

    answer = call("export", "toy", "--trial", "2", "--to", "models/two")

    assert Path(answer.out.split("folder ")[1].split()[0]).parts[-3:] == (
        "moopt-artifacts",
        "toy",
        "2",
    )


def test_an_export_has_model_and_card(call: Call, folder: Path) -> None:
    answer = call("export", "toy", "--trial", "2", "--to", "models/two")

    model = folder / "models" / "two"
    assert answer.status == 0
    assert sorted(path.name for path in model.iterdir()) == [
        "README.md",
        "measurements.json",
        "model.txt",
    ]
    assert (model / "model.txt").read_text() == "4"
    assert json.loads((model / "measurements.json").read_text())["trial"] == 2
    assert [path.name for path in model.parent.iterdir()] == ["two"]


def test_studies_lists_files_without_running_them(call: Call, folder: Path) -> None:
    (folder / "studies").mkdir()
    (folder / "studies" / "other.py").write_text('"""What if?"""\nraise RuntimeError\n')

    answer = call("studies")

    assert "What if?" in answer.out
    assert "toy" in answer.out


def test_the_store_can_be_named_by_the_environment(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "moopt.db").rename(folder / "mine.db")
    monkeypatch.setenv("MOOPT_STORE", "sqlite:///mine.db")

    assert call("status", "toy").status == 0
    assert call("status", "toy", "--store", "moopt.db").status == 2
    assert not (folder / "moopt.db").exists()


def test_noisy_measurements_get_a_second_front_and_both_have_names(
    call: Call, folder: Path
) -> None:
    add_noisy_trials(folder / "moopt.db", 8)

    answer = call("front", "toy")

    measured, recommended = answer.out.split("recommended front (posterior means of the model)")
    assert answer.status == 0
    assert measured.startswith("measured front\n")
    assert "knee: trial" in measured
    assert recommended.split()[:6] == ["trial", "accuracy", "↑", "latency_ms", "↓", "chance"]
    assert "predicted hypervolume" in recommended


def test_the_recommended_front_as_json_has_predictions_and_chances(
    call: Call, folder: Path
) -> None:
    add_noisy_trials(folder / "moopt.db", 8)

    front = json.loads(call("front", "toy", "--format", "json").out)

    first = front["recommended"][0]
    assert list(first) == ["number", "predicted", "chance"]
    assert list(first["predicted"]) == ["accuracy", "latency_ms"]
    assert list(first["predicted"]["accuracy"]) == ["mean", "sd"]
    assert 0 <= first["chance"] <= 1


def test_few_trials_have_no_recommended_front(call: Call) -> None:
    assert json.loads(call("front", "toy", "--format", "json").out)["recommended"] is None
    assert "recommended" not in call("front", "toy").out


def test_the_recommended_front_can_be_left_out(call: Call, folder: Path) -> None:
    add_noisy_trials(folder / "moopt.db", 8)

    table = call("front", "toy", "--measured-only")
    front = json.loads(call("front", "toy", "--measured-only", "--format", "json").out)

    assert "recommended" not in table.out
    assert front["recommended"] is None


def test_the_measured_front_alone_does_not_wait_for_torch(folder: Path) -> None:
    add_noisy_trials(folder / "moopt.db", 8)
    program = (
        "import sys; from moopt.cli.app import main\n"
        "try: main(['front', 'toy', '--measured-only'])\n"
        "finally: assert 'torch' not in sys.modules"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, cwd=folder, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
