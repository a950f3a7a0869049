"""A Ray cluster that is not there, too small, full, or loses a machine while a study runs."""

import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from moopt.errors import ExecutorError, MissingDependencyError, StudyError
from moopt.loop import Ended, Progress, optimize
from moopt.store.store import Store
from moopt.study.loading import load_study_file
from moopt.study.trials import TrialState
from tests.executors.faulty_study import trial_that
from tests.executors.ray_nodes import RayNodes, executor_at, free_ports
from tests.executors.waiting import outcome_of, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.xdist_group("ray")]


SLOW = """
import time
from moopt import Continuous, Maximize, Objective, Study

study = Study(
    "slow", parameters=[Continuous("x", 0.0, 1.0)], objectives=[Objective("y", Maximize)]
)

def evaluate(trial, context):
    with (context.directory.parent / "calls.txt").open("a") as calls:
        calls.write(f"{trial.number}\\n")
    time.sleep(0.5)
    return {"y": trial.parameters["x"]}
"""


def test_a_study_completes_when_a_raylet_is_killed_in_mid_run(
    ray_cluster: RayNodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "slow.py"
    path.write_text(SLOW, encoding="utf-8")
    study = load_study_file(path).study
    with (
        ray_cluster.node("--address", ray_cluster.address, "--num-cpus", "1") as node,
        Store(str(tmp_path / "moopt.db")) as store,
    ):
        place = executor_at(ray_cluster, tmp_path / "trials", study_file=path, workers=5)
        with closing(place) as executor:
            wait_until(lambda: executor.capacity == 5)
            capacities: list[int] = []

            def observe(progress: Progress) -> None:
                capacities.append(progress.capacity)
                ended = sum(trial.state is TrialState.COMPLETED for trial in progress.trials)
                if ended >= 8 and progress.running and not killed:
                    killed.append(progress.running)
                    node.kill_raylet()

            killed: list[int] = []
            run = optimize(
                study,
                load_study_file(path).evaluate,
                trials=30,
                sampler="sobol",
                executor=executor,
                store=store,
                observe=observe,
            )

        trials = store.trials("slow")
    assert run.ended is Ended.DONE
    assert [trial.number for trial in trials] == list(range(30))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    assert len({str(trial.parameters) for trial in trials}) == 30
    assert (max(capacities), min(capacities)) == (5, 4)
    calls = Counter((tmp_path / "trials" / "calls.txt").read_text(encoding="utf-8").split())
    attempts = {str(trial.number): trial.attempts for trial in trials}
    # What was measured to its end was measured once, and one worker was lost.
    assert all(1 <= calls[name] <= count for name, count in attempts.items())
    assert sum(attempts.values()) - 30 <= 1
    assert "was lost: its machine is gone or cannot be reached" in caplog.text


def test_more_gpus_than_any_node_has_are_refused_at_once(
    ray_cluster: RayNodes, tmp_path: Path
) -> None:
    began = time.monotonic()

    with pytest.raises(
        ExecutorError,
        match=r"no node .* has 1 CPU and 3 GPUs .* nodes with . CPUs .* and 2 GPUs .* --ray-wait",
    ):
        executor_at(ray_cluster, tmp_path, gpus=3)

    assert time.monotonic() - began < 15.0


def test_a_cluster_is_given_time_to_grow(
    ray_cluster: RayNodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ExecutorError, match=r"no worker in 1 s: each needs 1 CPU and 3 GPUs"):
        executor_at(ray_cluster, tmp_path, gpus=3, patience=1)

    assert "waiting 1 s for it to grow" in caplog.text


def test_those_that_have_room_run_and_the_others_are_told_of(
    ray_cluster: RayNodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(executor_at(ray_cluster, tmp_path, workers=3, gpus=1)) as executor:
        assert executor.capacity == 2

    assert "Ray has room for 2 of the 3 workers now" in caplog.text


def test_without_a_number_there_are_as_many_workers_as_there_is_room_for(
    ray_cluster: RayNodes, tmp_path: Path
) -> None:
    place = executor_at(ray_cluster, tmp_path, workers=None, gpus=None)
    with closing(place) as executor:
        assert executor.capacity == 2
        assert "2 of 2 workers, 1 CPU and 1 GPU each" in executor.description


def test_an_address_where_nobody_answers_is_told_at_once(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    began = time.monotonic()

    with pytest.raises(ExecutorError, match=f"no Ray cluster answers at {address}"):
        executor_at(address, tmp_path)
    with pytest.raises(ExecutorError, match=f"no Ray cluster answers at ray://{address}"):
        executor_at(f"ray://{address}", tmp_path)

    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_missing_and_a_wrong_token_are_told_at_once(
    ray_cluster: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    address = ray_cluster.client_address if scheme else ray_cluster.address
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ExecutorError, match=r"wants a token, and there is none in RAY_AUTH_TOKEN"):
        executor_at(address, tmp_path)

    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with pytest.raises(ExecutorError, match=r"refuses the token of RAY_AUTH_TOKEN"):
        executor_at(address, tmp_path)


@pytest.mark.parametrize("address", ["nowhere", "10.0.0.1", "ray://head"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ExecutorError, match=r"an address of Ray looks like"):
        executor_at(address, tmp_path)


def test_a_machine_without_a_cluster_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    with pytest.raises(ExecutorError, match=r"no Ray cluster was started on this machine"):
        executor_at("auto", tmp_path)


def test_a_study_file_that_no_worker_can_load_is_said_once(
    ray_cluster: RayNodes, tmp_path: Path
) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module", encoding="utf-8")
    with closing(executor_at(ray_cluster, tmp_path / "t", study_file=path)) as executor:
        job = executor.start(trial_that("measure"))

        with pytest.raises(StudyError, match="No module named 'no_such_module'"):
            outcome_of(executor, job)


def test_without_the_package_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("moopt.executors.ray_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'moopt\[ray\]'"):
        executor_at("local", tmp_path)
