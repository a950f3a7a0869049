"""Evaluators that do what one should not do, and the trials after them."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moopt.executors.local import LocalExecutor
from moopt.study.trials import FailureCause, FailureKind, Trial
from tests.executors import torch_study
from tests.executors.faulty_study import STUDY_FILE, trial_that
from tests.executors.waiting import failure, measured, outcome_of, runs, wait_until

MEASURED = {"accuracy": 0.9, "latency": (0.0, 0.5)}
Outcomes = Callable[[str], object]


@pytest.fixture(scope="module")
def torch_executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExecutor]:
    directory = tmp_path_factory.mktemp("torch_trials")
    file = Path(torch_study.__file__)
    with closing(LocalExecutor(file, workers=1, directory=directory, threads=2)) as made:
        yield made


@pytest.mark.parametrize(
    "deed",
    ["close_streams", "replace_streams", "print_much", "leave_thread", "return_twice"],
)
def test_the_next_trial_is_measured_as_usual_by_the_same_worker(
    executor: LocalExecutor, directory: Path, deed: str
) -> None:
    before = measured(executor, "count")["latency"]

    assert measured(executor, deed) == MEASURED

    outcome_of(executor, executor.start(trial_that("write_output", number=50)))
    assert "to stdout" in (directory / "50" / "stdout.txt").read_text(encoding="utf-8")
    assert "to stderr" in (directory / "50" / "stderr.txt").read_text(encoding="utf-8")
    assert measured(executor, "count")["latency"] == before


def test_each_trial_begins_in_the_same_folder(executor: LocalExecutor) -> None:
    before = measured(executor, "tell_directory")

    assert measured(executor, "change_directory") == MEASURED

    assert measured(executor, "tell_directory") == before


@pytest.mark.parametrize(
    ("deed", "cause", "message"),
    [
        ("exit_process", FailureCause.WORKER_EXITED, "ended with exit code 3"),
        ("die_talking", FailureCause.WORKER_EXITED, "exit code 5: epoch 3 of 9 (in "),
        ("print_much_and_die", FailureCause.WORKER_EXITED, "| the end (in "),
        ("kill_process", FailureCause.WORKER_KILLED, "SIGKILL, perhaps by the kernel"),
        ("crash", FailureCause.WORKER_CRASHED, "SIGSEGV: Fatal Python error"),
        ("leave_fork_and_die", FailureCause.WORKER_EXITED, "ended with exit code 7"),
    ],
)
def test_a_worker_that_dies_says_how_and_is_replaced(
    executor: LocalExecutor, deed: str, cause: FailureCause, message: str
) -> None:
    died = failure(executor, deed)

    assert (died.kind, died.cause) == (FailureKind.INFRASTRUCTURE, cause)
    assert message in died.message
    assert measured(executor, "measure") == MEASURED


def test_what_a_dead_worker_has_forked_is_ended(executor: LocalExecutor, directory: Path) -> None:
    job = executor.start(trial_that("leave_fork_and_die", number=51))
    outcome_of(executor, job)

    child = int((directory / "51" / "child").read_text(encoding="utf-8"))
    wait_until(lambda: not runs(child))


def test_a_fork_that_outlives_its_trial_ends_with_the_pool(tmp_path: Path) -> None:
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path)) as executor:
        assert measured(executor, "leave_fork") == MEASURED
        child = int((tmp_path / "0" / "child").read_text(encoding="utf-8"))
        assert runs(child)

    wait_until(lambda: not runs(child))


@pytest.mark.parametrize(
    ("deed", "cause"),
    [
        ("raise_error", FailureCause.ERROR),
        ("exit_python", FailureCause.ERROR),
        ("cancel", FailureCause.ERROR),
        ("run_out_of_memory", FailureCause.OUT_OF_MEMORY),
    ],
)
def test_what_an_evaluator_raises_is_the_candidates_failure(
    executor: LocalExecutor, deed: str, cause: FailureCause
) -> None:
    found = failure(executor, deed)

    assert (found.kind, found.cause) == (FailureKind.CANDIDATE, cause)


@pytest.mark.slow
def test_a_worker_outlives_the_lack_of_gpu_memory(torch_executor: LocalExecutor) -> None:
    before = measured(torch_executor, "count")

    found = failure(torch_executor, "run_out_of_gpu_memory")

    assert found.kind is FailureKind.CANDIDATE
    assert found.cause is FailureCause.GPU_OUT_OF_MEMORY
    assert measured(torch_executor, "count") == before


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["break_gpu", "hide_broken_gpu"])
def test_a_worker_whose_gpu_is_broken_answers_and_is_replaced(
    torch_executor: LocalExecutor, deed: str
) -> None:
    before = measured(torch_executor, "count")

    found = failure(torch_executor, deed)

    assert (found.kind, found.cause) == (FailureKind.CANDIDATE, FailureCause.GPU_ERROR)
    assert measured(torch_executor, "count") != before


@pytest.mark.slow
def test_threads_are_set_before_torch_is_imported(torch_executor: LocalExecutor) -> None:
    assert measured(torch_executor, "tell_threads") == {"accuracy": 2.0, "latency": 2.0}


def keyed(deed: str, key: str = "k") -> Trial:
    return Trial(7, {"deed": deed}, key=key)


def test_a_measurement_that_nobody_recorded_is_not_made_again(tmp_path: Path) -> None:
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path)) as first:
        before = outcome_of(first, first.start(keyed("count")))
    with closing(LocalExecutor(STUDY_FILE, workers=1, directory=tmp_path)) as second:
        again = outcome_of(second, second.start(keyed("count")))
        other = outcome_of(second, second.start(keyed("count", key="another")))

    # The outcome names the process that measured.
    assert again == before
    assert other != before
    log = (tmp_path / "7" / "log.txt").read_text(encoding="utf-8")
    assert log.count("measured before, and not recorded then: outcome.json") == 1


@pytest.mark.parametrize("deed", ["return_nan", "raise_error"])
def test_failures_are_measured_again(executor: LocalExecutor, directory: Path, deed: str) -> None:
    outcome_of(executor, executor.start(Trial(52, {"deed": deed}, key="k")))

    assert not (directory / "52" / "outcome.json").exists()


def test_a_trial_whose_outcome_cannot_be_kept_is_measured_all_the_same(
    executor: LocalExecutor, directory: Path
) -> None:
    (directory / "53" / "outcome.json").mkdir(parents=True)

    outcome = outcome_of(executor, executor.start(Trial(53, {"deed": "measure"}, key="k")))

    assert outcome == MEASURED
    log = (directory / "53" / "log.txt").read_text(encoding="utf-8")
    assert "WARNING cannot keep the outcome" in log


FORGETFUL = """
from moopt import Categorical, Maximize, Objective, Study

study = Study(
    "one",
    parameters=[Categorical("deed", ["count", "measure"])],
    objectives=[Objective("gain", Maximize)],
)

def evaluate(trial, context):
    with (context.directory / "calls").open("a") as calls:
        calls.write("called ")
    return {RETURNED}
"""


def calls_after(study_file: Path, directory: Path, returned: str) -> str:
    """Run a trial in a new worker and return what all evaluations of it have noted so far."""
    study_file.write_text(FORGETFUL.replace("{RETURNED}", returned), encoding="utf-8")
    with closing(LocalExecutor(study_file, workers=1, directory=directory)) as executor:
        outcome_of(executor, executor.start(keyed("count")))
    return (directory / "7" / "calls").read_text(encoding="utf-8")


def test_what_a_mended_evaluator_has_measured_before_does_not_come_back(tmp_path: Path) -> None:
    file = tmp_path / "one.py"

    assert calls_after(file, tmp_path, "{}") == "called "
    assert calls_after(file, tmp_path, "{'gain': 1.0}") == "called called "
    assert calls_after(file, tmp_path, "{'gain': 1.0}") == "called called "
    assert calls_after(file, tmp_path, "{'gain': 2.0}") == "called called called "
