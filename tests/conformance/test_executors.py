"""What every executor promises."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from moopt.errors import EvaluationError, ExecutorError
from moopt.executors.in_process import InProcessExecutor
from moopt.executors.local import LocalExecutor
from moopt.executors.optional import ray_executor
from moopt.protocols import Executor
from moopt.study.evaluation import Split
from moopt.study.loading import load_study_file
from moopt.study.trials import Failure, FailureKind
from tests.executors import faulty_study
from tests.executors.faulty_study import trial_that
from tests.executors.ray_nodes import RayNodes
from tests.executors.waiting import evaluation_of, outcome_of

STUDY_FILE = Path(faulty_study.__file__)


def in_process(directory: Path, capacity: int) -> Executor:
    file = load_study_file(STUDY_FILE)
    return InProcessExecutor(
        file.evaluate,
        held_out=file.held_out,
        directory=directory,
        capacity=capacity,
    )


def local(directory: Path, capacity: int) -> Executor:
    return LocalExecutor(STUDY_FILE, workers=capacity, directory=directory)


def on_ray(cluster: RayNodes) -> "Make":
    def make(directory: Path, capacity: int) -> Executor:
        return ray_executor(
            STUDY_FILE,
            directory=directory,
            workers=capacity,
            gpus_per_trial=0,
            timeout=None,
            address=cluster.address,
            patience=None,
        )

    return make


Make = Callable[[Path, int], Executor]


@contextmanager
def opened(make: Make, directory: Path, capacity: int) -> Iterator[Executor]:
    executor = make(directory, capacity)
    try:
        yield executor
    finally:
        executor.close()


@pytest.fixture(
    scope="module",
    params=[
        in_process,
        local,
        pytest.param(
            "ray",
            marks=[pytest.mark.cluster, pytest.mark.slow, pytest.mark.xdist_group("ray")],
        ),
    ],
)
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "ray":
        return on_ray(request.getfixturevalue("ray_cluster"))
    chosen: Make = request.param
    return chosen


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def executor(make: Make, directory: Path) -> Iterator[Executor]:
    with opened(make, directory, 2) as made:
        yield made


def test_it_is_an_executor(executor: Executor) -> None:
    assert isinstance(executor, Executor)


def test_the_outcome_is_what_the_evaluator_returned(executor: Executor) -> None:
    job = executor.start(trial_that("measure", seed=7))

    assert outcome_of(executor, job) == {"accuracy": 0.9, "latency": (7.0, 0.5)}


def test_reports_are_handed_over_once(executor: Executor) -> None:
    job = executor.start(trial_that("report_twice"))
    outcome_of(executor, job)

    reports = executor.reports(job)
    assert [(each.fidelity, each.measurements) for each in reports] == [
        (1.0, {"accuracy": 0.5}),
        (2.0, {"accuracy": (0.7, 0.1)}),
    ]
    assert executor.reports(job) == []


def test_a_report_of_no_numbers_is_the_evaluators_mistake(executor: Executor) -> None:
    job = executor.start(trial_that("report_text"))

    with pytest.raises(EvaluationError, match=r"'accuracy' needs a number or"):
        outcome_of(executor, job)


def test_what_an_evaluation_took_is_measured(executor: Executor) -> None:
    usage = evaluation_of(executor, executor.start(trial_that("work"))).usage

    assert usage is not None
    assert 0.1 <= usage.cpu_seconds <= usage.wall_seconds + 0.05
    assert usage.gpu_seconds == 0.0
    assert usage.peak_memory is not None
    assert 200e6 < usage.peak_memory < 4e9
    assert usage.peak_gpu_memory is None
    assert (usage.host, usage.device) == (socket.gethostname(), "cpu")


def test_an_outcome_is_returned_once(executor: Executor) -> None:
    job = executor.start(trial_that("measure"))
    outcome_of(executor, job)

    assert executor.poll(job) is None


def test_an_error_of_the_evaluator_is_the_candidates_failure(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("raise_error")))

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.CANDIDATE
    assert "StudyError: this point is no good (faulty_study.py:" in outcome.message


@pytest.mark.parametrize(
    ("deed", "message"),
    [("run_out_of_memory", "MemoryError"), ("exit_python", "SystemExit: enough")],
)
def test_memory_errors_and_exits_are_the_candidates_failures(
    executor: Executor, deed: str, message: str
) -> None:
    outcome = outcome_of(executor, executor.start(trial_that(deed)))

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.CANDIDATE
    assert outcome.message.startswith(message)


def test_the_traceback_of_an_error_is_in_the_folder_of_the_trial(
    executor: Executor, directory: Path
) -> None:
    outcome_of(executor, executor.start(trial_that("raise_error", number=12)))

    assert "Traceback" in (directory / "12" / "log.txt").read_text(encoding="utf-8")


def test_what_an_evaluator_logs_is_in_the_folder_of_the_trial(
    executor: Executor, directory: Path
) -> None:
    outcome_of(executor, executor.start(trial_that("log_progress", number=13)))

    assert "INFO epoch 1" in (directory / "13" / "log.txt").read_text(encoding="utf-8")


def test_nan_and_none_pass_as_they_are(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("return_nan")))

    assert str(outcome) == "{'accuracy': nan, 'latency': None}"


def test_numpy_numbers_become_floats(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("return_numpy")))

    assert repr(outcome) == "{'accuracy': 0.25, 'latency': (3.0, 0.5)}"


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("return_text", r"'accuracy' needs a number or \(mean, standard error\), got 'high'"),
        ("return_list", r"returns a mapping .* got \[0.5, 1.0\]"),
    ],
)
def test_what_is_no_mapping_to_numbers_is_refused(
    executor: Executor, deed: str, message: str
) -> None:
    job = executor.start(trial_that(deed))

    with pytest.raises(EvaluationError, match=message):
        outcome_of(executor, job)


def test_held_out_data_has_its_own_evaluator(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("measure"), Split.HELD_OUT))

    assert isinstance(outcome, Mapping)
    assert outcome["accuracy"] == 0.8


def test_the_folder_of_a_trial_exists(executor: Executor, directory: Path) -> None:
    outcome_of(executor, executor.start(trial_that("write_output", number=14)))

    assert (directory / "14").is_dir()


def test_as_many_trials_may_be_started_as_there_is_room_for(executor: Executor) -> None:
    jobs = [executor.start(trial_that("measure", number=n)) for n in range(executor.capacity)]

    assert [outcome_of(executor, job) for job in jobs] == [
        {"accuracy": 0.9, "latency": (0.0, 0.5)},
        {"accuracy": 0.9, "latency": (0.0, 0.5)},
    ]


def test_a_stopped_job_has_no_outcome_and_leaves_its_place(executor: Executor) -> None:
    jobs = [executor.start(trial_that("measure", number=number)) for number in (1, 2)]

    executor.stop(jobs[0])

    assert executor.poll(jobs[0]) is None
    job = executor.start(trial_that("measure", number=3))
    assert outcome_of(executor, job) == {"accuracy": 0.9, "latency": (0.0, 0.5)}
    outcome_of(executor, jobs[1])


def test_an_executor_needs_room_for_one(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="at least 1"):
        make(tmp_path, 0)
