"""What a look from outside finds: stopped workers, and those that take too much memory."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moopt.errors import ExecutorError
from moopt.executors.local import LocalExecutor
from moopt.executors.watching import INTERVAL_SECONDS, Watch, size_text
from moopt.study.trials import Failure, FailureCause, FailureKind
from tests.executors import faulty_study
from tests.executors.faulty_study import trial_that
from tests.executors.waiting import outcome_of, runs, wait_until

STUDY_FILE = Path(faulty_study.__file__)


def test_a_limit_needs_to_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="memory limit for trials needs to be positive, got 0"):
        LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path, memory_limit=0)


@pytest.mark.parametrize(
    ("size", "text"),
    [(8_000_000_000, "8 GB"), (512_400_000, "512 MB"), (4_096, "4.1 kB"), (12, "12 bytes")],
)
def test_sizes_are_said_as_people_say_them(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    directory = tmp_path_factory.mktemp("limited")
    with closing(
        LocalExecutor(STUDY_FILE, workers=1, directory=directory, memory_limit=400_000_000)
    ) as executor:
        yield executor


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["hog", "hog_in_a_child"])
def test_a_trial_that_takes_too_much_memory_is_the_candidates_failure(
    limited: LocalExecutor, deed: str
) -> None:
    failure = outcome_of(limited, limited.start(trial_that(deed)))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.cause) == (FailureKind.CANDIDATE, FailureCause.MEMORY_LIMIT)
    assert failure.message.startswith("the trial took more than 400 MB of memory: ")
    assert outcome_of(limited, limited.start(trial_that("measure"))) == {
        "accuracy": 0.9,
        "latency": (0.0, 0.5),
    }


@pytest.mark.slow
def test_a_child_in_a_session_of_its_own_goes_with_its_trial(tmp_path: Path) -> None:
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path)) as executor:
        job = executor.start(trial_that("hog_in_a_child"))
        note = tmp_path / "0" / "child"
        wait_until(lambda: note.is_file() and note.read_text(encoding="utf-8") != "")

        executor.stop(job)

        wait_until(lambda: not runs(int(note.read_text(encoding="utf-8"))))


@pytest.mark.slow
def test_memory_that_processes_share_counts_once(limited: LocalExecutor) -> None:
    outcome = outcome_of(limited, limited.start(trial_that("share_memory")))

    assert outcome == {"accuracy": 0.9, "latency": (0.0, 0.5)}


@pytest.mark.slow
def test_a_worker_that_stays_stopped_is_lost_and_replaced(tmp_path: Path) -> None:
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path, lease=1.0)) as executor:
        job = executor.start(trial_that("leave_child"))
        note = tmp_path / "0" / "child"
        wait_until(lambda: note.is_file() and note.read_text(encoding="utf-8") != "")
        child = int(note.read_text(encoding="utf-8"))
        os.kill(int(os.getpgid(child)), signal.SIGSTOP)

        assert outcome_of(executor, job) == Failure(
            FailureKind.INFRASTRUCTURE,
            "the worker was stopped (SIGSTOP) and not continued within 1 s",
            FailureCause.WORKER_STOPPED,
        )
        assert isinstance(outcome_of(executor, executor.start(trial_that("measure"))), dict)
        wait_until(lambda: not runs(child))


@pytest.fixture
def stopped() -> Iterator[int]:
    """Return a process that is stopped."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        process.send_signal(signal.SIGSTOP)
        yield process.pid
        process.kill()


def looks(watch: Watch, process: int, seconds: float) -> dict[int, Failure]:
    """Return what a watch finds within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = watch.look([process])
        if found:
            return found
        time.sleep(0.02)
    return {}


@pytest.mark.slow
def test_a_worker_that_is_continued_in_time_is_kept(stopped: int) -> None:
    watch = Watch(memory_limit=None, lease=3 * INTERVAL_SECONDS)

    before = looks(watch, stopped, 2 * INTERVAL_SECONDS)
    os.kill(stopped, signal.SIGCONT)
    continued = looks(watch, stopped, 2 * INTERVAL_SECONDS)
    os.kill(stopped, signal.SIGSTOP)
    again = looks(watch, stopped, 2 * INTERVAL_SECONDS)

    assert (before, continued, again) == ({}, {}, {})


@pytest.mark.slow
def test_the_time_in_which_nobody_looked_does_not_count(stopped: int) -> None:
    watch = Watch(memory_limit=None, lease=4 * INTERVAL_SECONDS)
    watch.look([stopped])

    time.sleep(5 * INTERVAL_SECONDS)

    assert watch.look([stopped]) == {}


def test_a_kill_by_the_kernel_is_one_that_it_has_counted() -> None:
    counts = iter([3, 3, 4])
    watch = Watch(memory_limit=None, lease=1.0, count_oom_kills=lambda: next(counts))

    assert not watch.kernel_killed()
    assert watch.kernel_killed()


def test_where_nobody_counts_the_kernel_is_not_accused() -> None:
    watch = Watch(memory_limit=None, lease=1.0, count_oom_kills=lambda: None)

    assert not watch.kernel_killed()


@pytest.mark.slow
def test_a_look_takes_hardly_any_time() -> None:
    watch = Watch(memory_limit=10**15, lease=60.0)
    began, deadline = time.process_time(), time.monotonic() + 3.0

    while time.monotonic() < deadline:
        watch.look([os.getpid()])
        time.sleep(0.05)

    # The look itself may take 2 %.
    assert time.process_time() - began < 0.05 * 3.0
