"""What is particular to worker processes: they die, hang, print and are replaced."""

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from moopt.errors import ExecutorError, StudyError
from moopt.executors.local import LocalExecutor
from moopt.study.evaluation import Split
from moopt.study.trials import Failure, FailureCause, FailureKind
from tests.executors.faulty_study import STUDY_FILE, trial_that
from tests.executors.waiting import failure, measured, outcome_of, runs, wait_until


def worker(executor: LocalExecutor) -> int:
    process = measured(executor, "count")["latency"]
    assert isinstance(process, float)
    return int(process)


def test_a_worker_keeps_its_evaluator_from_trial_to_trial(executor: LocalExecutor) -> None:
    first = measured(executor, "count")
    second = measured(executor, "count")

    assert isinstance(first["accuracy"], float)
    assert second == {"accuracy": first["accuracy"] + 1, "latency": first["latency"]}


def test_a_worker_has_one_thread_and_a_device(executor: LocalExecutor, directory: Path) -> None:
    assert measured(executor, "tell_place")["accuracy"] == 1.0
    assert (directory / "0" / "device").read_text(encoding="utf-8") == "cpu"


def test_what_a_trial_prints_goes_into_its_folder(executor: LocalExecutor, directory: Path) -> None:
    outcome_of(executor, executor.start(trial_that("write_output", number=21)))

    folder = directory / "21"
    assert (folder / "stdout.txt").read_text(encoding="utf-8") == "to stdout\nfrom a child\n"
    assert (folder / "stderr.txt").read_text(encoding="utf-8") == "to stderr\n"


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("exit_process", "the worker ended with exit code 3"),
        ("kill_process", "the worker was ended by SIGKILL"),
        ("crash", "the worker was ended by SIGSEGV: Fatal Python error: Segmentation fault"),
    ],
)
def test_a_worker_that_dies_fails_its_trial_and_is_replaced(
    executor: LocalExecutor, deed: str, message: str
) -> None:
    died = failure(executor, deed)

    assert died.kind is FailureKind.INFRASTRUCTURE
    assert died.message.startswith(message)
    assert measured(executor, "measure")["accuracy"] == 0.9


def test_a_worker_that_is_killed_while_idle_is_replaced(executor: LocalExecutor) -> None:
    before = worker(executor)

    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not runs(before))

    assert worker(executor) != before


def test_a_stopped_worker_is_gone_with_its_children(
    executor: LocalExecutor, directory: Path
) -> None:
    job = executor.start(trial_that("leave_child", number=22))
    note = directory / "22" / "child"
    wait_until(lambda: note.is_file() and note.read_text(encoding="utf-8") != "")
    child = int(note.read_text(encoding="utf-8"))

    executor.stop(job)

    wait_until(lambda: not runs(child))


def test_no_more_trials_run_than_there_are_workers(executor: LocalExecutor) -> None:
    job = executor.start(trial_that("sleep"))

    with pytest.raises(ExecutorError, match="all 1 workers are busy"):
        executor.start(trial_that("measure"))
    executor.stop(job)


def test_waiting_ends_with_the_first_outcome(executor: LocalExecutor) -> None:
    executor.wait(0.0)
    job = executor.start(trial_that("measure"))
    began = time.monotonic()

    executor.wait(30.0)

    assert time.monotonic() - began < 20.0
    assert executor.poll(job) is not None


@pytest.mark.slow
def test_a_trial_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path, timeout=0.5)) as executor:
        late = failure(executor, "sleep")

        assert late == Failure(
            FailureKind.TIMEOUT, "the trial took longer than 0.5 s", FailureCause.TIMEOUT
        )
        assert measured(executor, "measure")["accuracy"] == 0.9


@pytest.mark.slow
def test_closing_ends_busy_workers_too(tmp_path: Path) -> None:
    executor = LocalExecutor(STUDY_FILE, workers=2, directory=tmp_path)
    idle = worker(executor)
    job = executor.start(trial_that("leave_child"))
    note = tmp_path / "0" / "child"
    wait_until(lambda: note.is_file() and note.read_text(encoding="utf-8") != "")

    executor.close()

    assert not runs(idle)
    wait_until(lambda: not runs(int(note.read_text(encoding="utf-8"))))
    executor.stop(job)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("study = 1", "needs to be a moopt.Study"),
        ("import os; os._exit(4)", "3 workers in a row died .* ended with exit code 4"),
        ("import sys; sys.exit('no licence')", "ended with exit code 1: no licence"),
        ("import os; os.kill(os.getpid(), 9)", "10 workers in a row died .* by SIGKILL"),
    ],
)
def test_a_study_file_that_no_worker_can_load_is_said_once(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    with closing(LocalExecutor(path, workers=1, directory=tmp_path)) as executor:
        job = executor.start(trial_that("measure"))

        with pytest.raises(StudyError, match=message):
            outcome_of(executor, job)


def test_a_study_without_held_out_data_says_so(tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text("from tests.executors.faulty_study import study, evaluate", encoding="utf-8")
    with closing(LocalExecutor(path, workers=1, directory=tmp_path)) as executor:
        job = executor.start(trial_that("measure"), Split.HELD_OUT)

        with pytest.raises(StudyError, match=r"plain\.py defines no `held_out`"):
            outcome_of(executor, job)


def test_too_few_gpus_are_told_before_a_worker_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1")

    with pytest.raises(ExecutorError, match=r"3 workers with 0\.5 GPUs each .* room for 2"):
        LocalExecutor(STUDY_FILE, workers=3, directory=tmp_path, gpus_per_trial=0.5)


def test_a_worker_with_a_gpu_sees_that_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1,GPU-2")
    path = tmp_path / "seeing.py"
    path.write_text(
        "import os\n"
        "from tests.executors.faulty_study import study\n"
        "def evaluate(trial, context):\n"
        "    seen = os.environ['CUDA_VISIBLE_DEVICES']\n"
        "    return {'accuracy': int(seen == 'GPU-1'), 'latency': int(context.device[-1])}\n",
        encoding="utf-8",
    )
    with closing(LocalExecutor(path, workers=1, directory=tmp_path, gpus_per_trial=1)) as executor:
        assert measured(executor, "measure") == {"accuracy": 1.0, "latency": 0.0}
