import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import TOY, Call
from tests.executors.waiting import wait_until

MOOPT = Path(sys.executable).with_name("moopt")
QUICK = ("--executor", "in-process", "--sampler", "sobol", "--trials", "6")

pytestmark = pytest.mark.slow


def test_a_run_prints_the_front_and_keeps_its_progress_on_stderr(call: Call, toy: Path) -> None:
    answer = call("run", str(toy), *QUICK)

    assert answer.status == 0
    assert "held out" in answer.out
    assert "on the front, hypervolume" in answer.out
    assert "preparing, 100%: making data" in answer.err
    assert "search, 6 of 6 trials: hypervolume" in answer.err
    assert "1 failed" in answer.err


def test_a_run_goes_on_where_the_last_one_stopped(call: Call, toy: Path) -> None:
    call("run", str(toy), *QUICK)

    again, more = call("run", "toy", *QUICK), call("run", "toy", *QUICK[:-1], "8")

    trials = json.loads(call("trials", "toy", "--format", "json").out)["trials"]
    assert (again.status, more.status) == (0, 0)
    assert [trial["number"] for trial in trials] == list(range(8))
    assert trials[0]["parameters"] == {"rate": 0.1, "depth": 2}


def test_artifacts_lie_beside_the_store(call: Call, toy: Path, folder: Path) -> None:
    (folder / "runs").mkdir()

    call("run", str(toy), *QUICK, "--store", "runs/moopt.db")

    assert (folder / "runs" / "moopt-artifacts" / "toy").is_dir()
    assert not (folder / "moopt.db").exists()


def test_a_run_in_which_every_trial_fails_has_status_1(call: Call, toy: Path) -> None:
    toy.write_text(TOY.replace("if depth == 7", "if depth"))

    answer = call("run", str(toy), *QUICK)

    assert answer.status == 1
    assert "has no front yet" in answer.err
    assert call("front", "toy", "--format", "json").status == 1


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--sampler", "oracle"], "no sampler 'oracle'"),
        (["--trials", "0"], "--trials"),
        (["--executor", "dask"], "--executor"),
        (["--executor", "in-process", "--workers", "2"], "--workers needs worker processes"),
        (["--memory-limit", "much"], "--memory-limit is a number of bytes"),
        (
            ["--executor", "in-process", "--memory-limit", "8GB", "--cpus-per-trial", "2"],
            "--cpus-per-trial and --memory-limit needs worker processes",
        ),
        (["--store", "nowhere/moopt.db"], "cannot open the store"),
    ],
)
def test_wrong_options_are_refused(call: Call, toy: Path, options: list[str], part: str) -> None:
    answer = call("run", str(toy), *options)

    assert answer.status == 2
    assert part in answer.err


def test_an_objective_that_was_not_returned_is_refused(call: Call, toy: Path) -> None:
    toy.write_text(TOY.replace('"latency_ms": (', '"latency": ('))

    answer = call("run", str(toy), *QUICK)

    assert answer.status == 2
    assert "latency_ms" in answer.err
    assert "Traceback" not in answer.err


def test_a_preparation_that_fails_is_told(call: Call, toy: Path) -> None:
    toy.write_text(TOY.replace('report("making data", 1.0)', "raise OSError('disk full')"))

    answer = call("run", str(toy), *QUICK)

    assert answer.status == 2
    assert "`prepare` of" in answer.err
    assert "OSError: disk full" in answer.err


def test_a_study_that_changed_under_its_trials_is_refused(call: Call, toy: Path) -> None:
    call("run", str(toy), *QUICK)
    toy.write_text(TOY.replace('"depth", 1, 8', '"depth", 1, 9'))

    answer = call("run", str(toy), *QUICK)

    assert answer.status == 2
    assert "differs" in answer.err


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_worker_processes_find_the_front_and_signals_end_the_run_in_order(
    toy: Path, folder: Path, number: signal.Signals, status: int, told: str
) -> None:
    toy.write_text(
        TOY.replace("    rate, depth", "    __import__('time').sleep(0.2)\n    rate, depth", 1)
    )
    options = ["--sampler", "sobol", "--workers", "2", "--trials", "500"]

    with (
        (folder / "said.txt").open("w") as said,
        subprocess.Popen(
            [str(MOOPT), "run", "toy.py", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        wait_until(lambda: "search, 4 of 500" in (folder / "said.txt").read_text())
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)

    err = (folder / "said.txt").read_text()
    assert "workers busy" in err
    assert process.returncode == status
    assert f"{told}; the same command goes on from here" in err
    assert "Traceback" not in err
    assert "on the front" in out
