"""What every executor promises."""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from moopt.errors import ExecutorError
from moopt.executors.in_process import InProcessExecutor
from moopt.executors.local import LocalExecutor
from moopt.executors.optional import ray_executor
from moopt.protocols import Executor
from moopt.study.evaluation import Outcome, Report, Split
from moopt.study.loading import load_study_file
from moopt.study.trials import Failure, FailureCause, FailureKind
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


def assert_mistake(outcome: Outcome, message: str) -> None:
    """See that a trial failed by a mistake of the evaluator, with a message."""
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.cause) == (FailureKind.EVALUATOR, FailureCause.WRONG_RESULT)
    assert re.search(message, outcome.message)


def test_it_is_an_executor(executor: Executor) -> None:
    assert isinstance(executor, Executor)


def test_the_outcome_is_what_the_evaluator_returned(executor: Executor) -> None:
    job = executor.start(trial_that("measure", seed=7))

    assert outcome_of(executor, job) == {"accuracy": 0.9, "latency": (7.0, 0.5)}


def test_reports_are_handed_over_once_and_in_order(executor: Executor) -> None:
    taken: list[tuple[str, Report]] = []

    job = executor.start(trial_that("report_twice"), Split.SEARCH, lambda *told: taken.append(told))
    outcome = outcome_of(executor, job)

    assert taken == [
        (job, Report(1.0, {"accuracy": 0.5})),
        (job, Report(2.0, {"accuracy": (0.7, 0.1)})),
    ]
    assert outcome == {"accuracy": 0.9, "latency": (0.0, 0.5)}


def test_a_trial_that_is_told_to_stop_ends_at_the_fidelity_that_it_reported(
    executor: Executor,
) -> None:
    reached: list[float] = []

    def take(job: str, report: Report) -> None:
        reached.append(report.fidelity)
        if report.fidelity >= 2:
            executor.stop_early(job)

    job = executor.start(trial_that("train", fidelity=1000.0), Split.SEARCH, take)
    outcome = outcome_of(executor, job)

    # Elsewhere the trial goes on until the word has come.
    assert isinstance(outcome, Report)
    assert outcome == Report(reached[-1], {"accuracy": reached[-1], "latency": 1.0})
    assert 2 <= reached[-1] < 1000


def test_the_wish_to_stop_one_trial_does_not_reach_the_next(executor: Executor) -> None:
    def take(job: str, report: Report) -> None:
        del report
        executor.stop_early(job)

    for _ in range(2):
        # It ends without asking.
        outcome_of(executor, executor.start(trial_that("report_twice"), Split.SEARCH, take))
    job = executor.start(trial_that("train", fidelity=3.0))

    assert outcome_of(executor, job) == {"accuracy": 3.0, "latency": 1.0}


def test_who_wants_to_stop_a_job_that_has_ended_is_not_heard(executor: Executor) -> None:
    job = executor.start(trial_that("measure"))
    outcome_of(executor, job)

    executor.stop_early(job)

    assert isinstance(outcome_of(executor, executor.start(trial_that("measure"))), Mapping)


def test_an_evaluator_may_end_early_by_itself(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("end_early", fidelity=9.0)))

    assert outcome == Report(3.0, {"accuracy": 0.25, "latency": 1.0})


@pytest.mark.parametrize("reported", [0.0, 10.0, -1.0, float("nan"), float("inf")])
def test_a_fidelity_that_cannot_be_is_the_evaluators_mistake(
    executor: Executor, reported: float
) -> None:
    trial = trial_that("report_fidelity", fidelity=9.0, reports=reported)

    assert_mistake(outcome_of(executor, executor.start(trial)), "fidelity")


def test_a_partial_result_that_is_not_finite_fails_the_trial(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("report_nan")))

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.CANDIDATE
    assert outcome.cause is FailureCause.NON_FINITE
    assert "'accuracy'" in outcome.message


def test_a_trial_finds_the_folder_of_the_one_that_it_takes_further(executor: Executor) -> None:
    outcome_of(executor, executor.start(trial_that("leave_checkpoint", number=21)))
    job = executor.start(trial_that("find_checkpoint", number=22, continues=21))

    assert outcome_of(executor, job) == {"accuracy": 21.0, "latency": 1.0}


def test_a_trial_that_takes_none_further_is_given_no_folder(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("find_checkpoint", number=23)))

    assert outcome == {"accuracy": 0.0, "latency": 1.0}


def test_a_report_of_no_numbers_is_the_evaluators_mistake(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("report_text")))

    assert_mistake(outcome, r"'accuracy' needs a number or")


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
        ("return_nothing", r"returns a mapping .* got None"),
    ],
)
def test_what_is_no_mapping_to_numbers_is_the_evaluators_mistake(
    executor: Executor, deed: str, message: str
) -> None:
    assert_mistake(outcome_of(executor, executor.start(trial_that(deed))), message)


def test_a_file_that_is_not_there_is_not_the_candidates_failure(executor: Executor) -> None:
    outcome = outcome_of(executor, executor.start(trial_that("read_nothing")))

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.cause) == (FailureKind.EVALUATOR, FailureCause.FILE_ERROR)
    assert "no-such-data.csv" in outcome.message


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
