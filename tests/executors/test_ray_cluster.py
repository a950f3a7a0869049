"""Trials on a real Ray cluster, and what happens when parts of it are gone."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from moopt.errors import ExecutorError
from moopt.executors.optional import ClusterExecutor
from moopt.study.evaluation import Split
from moopt.study.trials import Failure, FailureCause, FailureKind
from tests.executors.faulty_study import trial_that
from tests.executors.ray_nodes import RayNodes, executor_at
from tests.executors.waiting import outcome_of, runs, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.xdist_group("ray")]


SEEING = """
import os
import time
from pathlib import Path
import moopt
from moopt import Continuous, Maximize, Objective, Study
from helping.words import ANSWER

study = Study(
    "seeing", parameters=[Continuous("x", 0.0, 1.0)], objectives=[Objective("y", Maximize)]
)

def evaluate(trial, context):
    (context.directory / "seen.txt").write_text("|".join([
        os.environ["CUDA_VISIBLE_DEVICES"], context.device, str(os.getppid()), __file__,
        moopt.__file__, os.getcwd(), Path(__file__).with_name("data.csv").read_text(),
    ]))
    for other in trial.parameters["deed"].split():
        while not (context.directory.parent / other / "seen.txt").exists():
            time.sleep(0.02)
    return {"y": ANSWER}
"""


@pytest.fixture
def seeing(tmp_path: Path) -> Path:
    """Return a study file that looks around, with a module and data beside it.

    Its evaluator ends once the trials that the deed names have looked around, too.
    """
    folder = tmp_path / "study"
    (folder / "helping").mkdir(parents=True)
    (folder / "helping" / "words.py").write_text("ANSWER = 42", encoding="utf-8")
    (folder / "data.csv").write_text("1,2", encoding="utf-8")
    (folder / "seeing.py").write_text(SEEING, encoding="utf-8")
    return folder / "seeing.py"


def seen(executor: ClusterExecutor, directory: Path, number: int = 0) -> list[str]:
    """Return what an evaluator saw."""
    assert outcome_of(executor, executor.start(trial_that("", number=number))) == {"y": 42.0}
    return (directory / str(number) / "seen.txt").read_text(encoding="utf-8").split("|")


def test_workers_share_gpus_and_each_sees_its_own_only(
    ray_cluster: RayNodes, seeing: Path, tmp_path: Path
) -> None:
    with closing(
        executor_at(ray_cluster, tmp_path, study_file=seeing, workers=2, gpus=0.5)
    ) as executor:
        wait_until(lambda: executor.capacity == 2)
        # A trial that waits for the other one: the worker of one that has ended would take both.
        jobs = [executor.start(trial_that(f"{1 - number}", number=number)) for number in (0, 1)]
        outcomes = [outcome_of(executor, job) for job in jobs]

        views = [(tmp_path / str(n) / "seen.txt").read_text("utf-8").split("|") for n in (0, 1)]
        assert outcomes == [{"y": 42.0}] * 2
        assert [view[0] for view in views] == ["0", "0"]
        assert {view[1] for view in views} == {"cuda:0"}
        assert len({view[2] for view in views}) == 2


def test_a_worker_without_gpus_sees_none(
    ray_cluster: RayNodes, seeing: Path, tmp_path: Path
) -> None:
    with closing(executor_at(ray_cluster, tmp_path, study_file=seeing)) as executor:
        devices, device, _, file, package, folder, data = seen(executor, tmp_path)

    assert (devices, device) == ("", "cpu")
    # The study lies where it does on the driver's machine, so it is used there.
    assert (file, data, folder) == (str(seeing), "1,2", str(Path.cwd()))
    assert "_ray_pkg_" in package


def test_a_machine_without_the_study_is_sent_it_with_what_lies_beside_it(
    ray_cluster: RayNodes, seeing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray_cluster_module = pytest.importorskip("moopt.executors.ray_cluster")
    connect = ray_cluster_module.connect

    def connect_and_forget(*arguments: object, **options: object) -> object:
        connection = connect(*arguments, **options)
        shutil.rmtree(seeing.parent)
        return connection

    monkeypatch.setattr(ray_cluster_module, "connect", connect_and_forget)
    with closing(executor_at(ray_cluster, tmp_path, study_file=seeing)) as executor:
        _, _, _, file, package, _, data = seen(executor, tmp_path)

    assert Path(file).parts[-2:] == ("moopt_study_files", "seeing.py")
    assert Path(package).parent.parent == Path(file).parent.parent
    assert data == "1,2"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def executor(ray_cluster: RayNodes, directory: Path) -> Iterator[ClusterExecutor]:
    with closing(executor_at(ray_cluster, directory)) as made:
        yield made


def wait_for_text(path: Path) -> str:
    wait_until(lambda: path.is_file() and path.read_text(encoding="utf-8") != "")
    return path.read_text(encoding="utf-8")


def parent(process: int) -> int:
    return psutil.Process(process).ppid()


def test_a_lost_actor_fails_its_trial_and_is_replaced(
    executor: ClusterExecutor, directory: Path
) -> None:
    job = executor.start(trial_that("leave_child", number=7))
    child = int(wait_for_text(directory / "7" / "child"))
    worker = parent(child)
    began = time.monotonic()

    os.kill(parent(worker), signal.SIGKILL)
    failure = outcome_of(executor, job)

    assert time.monotonic() - began < 5.0
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.INFRASTRUCTURE
    assert failure.cause is FailureCause.HOST_LOST
    assert failure.message.startswith(f"the Ray worker on {socket.gethostname()} was lost: its ")
    wait_until(lambda: not runs(worker) and not runs(child))
    wait_until(lambda: executor.capacity == 1)
    assert isinstance(outcome_of(executor, executor.start(trial_that("measure"))), dict)


def test_an_actor_that_is_lost_while_idle_is_noticed_before_a_trial_is_given_to_it(
    executor: ClusterExecutor, directory: Path
) -> None:
    job = executor.start(trial_that("leave_child", number=8))
    actor = parent(parent(int(wait_for_text(directory / "8" / "child"))))
    executor.stop(job)
    assert executor.capacity == 1

    os.kill(actor, signal.SIGKILL)

    wait_until(lambda: executor.capacity == 0)
    wait_until(lambda: executor.capacity == 1)
    assert isinstance(outcome_of(executor, executor.start(trial_that("measure"))), dict)


def test_a_worker_that_dies_costs_the_trial_and_not_the_actor(
    executor: ClusterExecutor, directory: Path
) -> None:
    assert directory.is_dir()
    failure = outcome_of(executor, executor.start(trial_that("exit_process")))

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.INFRASTRUCTURE
    assert failure.message == "the worker ended with exit code 3"
    assert executor.capacity == 1


def test_reports_come_while_the_trial_runs(executor: ClusterExecutor) -> None:
    reported: list[float] = []
    job = executor.start(
        trial_that("report_and_sleep"),
        Split.SEARCH,
        lambda _, report: reported.append(report.fidelity),
    )

    def came() -> bool:
        executor.wait(0.1)
        assert executor.poll(job) is None
        return reported == [1.0]

    wait_until(came)
    executor.stop(job)


def test_a_process_connects_once(
    executor: ClusterExecutor, ray_cluster: RayNodes, tmp_path: Path
) -> None:
    assert executor.capacity == 1
    with pytest.raises(ExecutorError, match="connected to Ray already"):
        executor_at(ray_cluster, tmp_path)
