"""The loop with worker processes, when somebody pulls the plug."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from moopt.errors import EvaluationError
from moopt.executors.local import LocalExecutor
from moopt.loop import Ended, optimize
from moopt.store.store import Store
from moopt.study.loading import load_study_file
from moopt.study.trials import FailureKind, Trial, TrialState
from tests.executors.waiting import runs, wait_until

pytestmark = pytest.mark.slow

STUDY_FILE = """
import os
import time
from pathlib import Path

from moopt import Continuous, Maximize, Minimize, Objective, Study

study = Study(
    "curve",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[
        Objective("gain", Maximize, reference=-1.0), Objective("cost", Minimize, reference=2.0)
    ],
)

def evaluate(trial, context):
    with (context.directory.parent / "calls.txt").open("a") as calls:
        calls.write(f"{trial.number} {os.getpid()}\\n")
    time.sleep(60 if os.environ.get("HANG") == str(trial.number) else 0.15)
    if os.environ.get("CRASH") == str(trial.number):
        os._exit(1)
    if os.environ.get("FORGET") == str(trial.number):
        return {"gain": 1.0}
    x = trial.parameters["x"]
    return {"gain": x, "cost": x * x}

held_out = evaluate
"""

DRIVER = """
import sys
from contextlib import closing
from pathlib import Path

from moopt.executors.local import LocalExecutor
from moopt.loop import optimize
from moopt.store.store import Store
from moopt.study.loading import load_study_file

folder = Path(sys.argv[1])
file = load_study_file(folder / "curve.py")
with (
    Store(str(folder / "moopt.db")) as store,
    closing(LocalExecutor(file.path, workers=2, directory=folder / "trials")) as executor,
):
    run = optimize(
        file.study, file.evaluate, trials=16, sampler="sobol", executor=executor, store=store
    )
print(run.ended.value)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "curve.py").write_text(STUDY_FILE, encoding="utf-8")
    (tmp_path / "drive.py").write_text(DRIVER, encoding="utf-8")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(str(folder / "moopt.db")) as opened:
        opened.register(load_study_file(folder / "curve.py").study)
        yield opened


@contextmanager
def driver(folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(folder / "drive.py"), str(folder)]
    environment = {**os.environ, **variables}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def calls(folder: Path) -> list[tuple[int, int]]:
    """Return number and process of every evaluation."""
    path = folder / "trials" / "calls.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines]


def completed(store: Store) -> list[Trial]:
    return [trial for trial in store.trials("curve") if trial.state is TrialState.COMPLETED]


def search(folder: Path, store: Store, trials: int) -> Ended:
    file = load_study_file(folder / "curve.py")
    with closing(LocalExecutor(file.path, workers=2, directory=folder / "trials")) as executor:
        return optimize(
            file.study,
            file.evaluate,
            trials=trials,
            sampler="sobol",
            executor=executor,
            held_out=file.held_out,
            store=store,
        ).ended


def test_a_run_whose_driver_was_killed_goes_on_where_it_stopped(folder: Path, store: Store) -> None:
    with driver(folder) as process:
        wait_until(lambda: len(completed(store)) >= 4)
        process.kill()
    finished = completed(store)
    workers = {worker for _, worker in calls(folder)}

    wait_until(lambda: not any(runs(worker) for worker in workers))
    with driver(folder) as process:
        said, _ = process.communicate(timeout=60)

    assert said == "done\n"
    trials = store.trials("curve")
    assert [trial.number for trial in trials] == list(range(16))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    assert [trials[trial.number] for trial in finished] == finished
    counted = Counter(number for number, _ in calls(folder))
    assert {counted[trial.number] for trial in finished} == {1}
    assert max(counted.values()) <= 2


def test_ctrl_c_hands_the_running_trials_back(folder: Path, store: Store) -> None:
    with driver(folder) as process:
        wait_until(lambda: len(completed(store)) >= 2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)

    assert said == "interrupted\n"
    states = Counter(trial.state for trial in store.trials("curve"))
    assert states[TrialState.RUNNING] == 0
    assert states[TrialState.PROPOSED] in {1, 2}
    assert not any(runs(worker) for _, worker in calls(folder))


def test_a_pool_runs_a_study_to_its_end(folder: Path, store: Store) -> None:
    assert search(folder, store, 6) is Ended.DONE

    assert [trial.state for trial in store.trials("curve")] == [TrialState.COMPLETED] * 6
    assert len({worker for _, worker in calls(folder)}) == 2
    assert any(trial.held_out for trial in store.trials("curve"))


def test_a_trial_that_kills_its_workers_fails_and_the_others_do_not(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH", "1")

    assert search(folder, store, 5) is Ended.DONE

    failed = [trial for trial in store.trials("curve") if trial.state is TrialState.FAILED]
    assert [(trial.number, trial.attempts) for trial in failed] == [(1, 3)]
    assert failed[0].failure is not None
    assert failed[0].failure.kind is FailureKind.INFRASTRUCTURE
    assert failed[0].failure.message == "the worker ended with exit code 1"


def test_a_mistake_stops_the_other_trials_and_hands_them_back(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGET", "3")

    with pytest.raises(EvaluationError, match="trial 3: the evaluator returned no 'cost'"):
        search(folder, store, 8)

    states = {trial.number: trial.state for trial in store.trials("curve")}
    assert states[3] is TrialState.PROPOSED
    assert TrialState.RUNNING not in states.values()


def test_drivers_share_a_study_and_take_over_from_one_that_dies(folder: Path, store: Store) -> None:
    with driver(folder, HANG="3") as first:
        wait_until(lambda: 3 in {number for number, _ in calls(folder)})
        with driver(folder) as second:
            wait_until(lambda: len(completed(store)) == 15)
            first.kill()
            said, _ = second.communicate(timeout=60)

    assert said == "done\n"
    trials = store.trials("curve")
    assert [trial.number for trial in trials] == list(range(16))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    counted = Counter(number for number, _ in calls(folder))
    assert counted == Counter(dict.fromkeys(range(16), 1) | {3: 2})
