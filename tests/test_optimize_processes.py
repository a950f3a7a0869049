"""The loop with worker processes, when somebody pulls the plug."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moopt.executors.local import LocalExecutor
from moopt.loop import Ended, optimize
from moopt.protocols import Sampler
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.store.store import Store
from moopt.study.loading import load_study_file
from moopt.study.study import Study
from moopt.study.trials import Candidate, FailureKind, Trial, TrialState
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
import os
import sys
import time
from contextlib import closing
from pathlib import Path

from moopt.executors.local import LocalExecutor
from moopt.loop import optimize
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.store.store import Store
from moopt.study.loading import load_study_file

class Sampler:
    def propose(self, study, trials, count, seed):
        (folder / "asked").touch()
        time.sleep(float(os.environ.get("THINK", "0")))
        return QuasiRandomSampler().propose(study, trials, count, seed)

folder = Path(sys.argv[1])
file = load_study_file(folder / "curve.py")
with (
    Store(str(folder / "moopt.db")) as store,
    closing(LocalExecutor(file.path, workers=2, directory=folder / "trials")) as executor,
):
    run = optimize(
        file.study, file.evaluate, trials=16, sampler=Sampler(), executor=executor, store=store
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


def search(
    folder: Path,
    store: Store,
    trials: int,
    sampler: Sampler | str = "sobol",
    *,
    workers: int = 2,
    time_limit: float | None = None,
) -> Ended:
    file = load_study_file(folder / "curve.py")
    pool = LocalExecutor(file.path, workers=workers, directory=folder / "trials")
    with closing(pool) as executor:
        return optimize(
            file.study,
            file.evaluate,
            trials=trials,
            sampler=sampler,
            executor=executor,
            held_out=file.held_out,
            store=store,
            time_limit=time_limit,
        ).ended


@pytest.mark.parametrize("thinking", ["0", "0.1"], ids=["made_when_asked", "made_in_advance"])
def test_a_run_whose_driver_was_killed_goes_on_where_it_stopped(
    folder: Path, store: Store, thinking: str
) -> None:
    with driver(folder, THINK=thinking) as process:
        wait_until(lambda: len(completed(store)) >= 4)
        process.kill()
    finished = completed(store)
    workers = {worker for _, worker in calls(folder)}

    wait_until(lambda: not any(runs(worker) for worker in workers))
    with driver(folder, THINK=thinking) as process:
        said, _ = process.communicate(timeout=60)

    assert said == "done\n"
    trials = store.trials("curve")
    assert [trial.number for trial in trials] == list(range(16))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    assert len({str(trial.parameters) for trial in trials}) == 16
    assert [trials[trial.number] for trial in finished] == finished
    counted = Counter(number for number, _ in calls(folder))
    assert {counted[trial.number] for trial in finished} == {1}
    assert max(counted.values()) <= 2


@dataclass
class ThinkingSampler:
    """Thinks, and remembers how many trials were running meanwhile."""

    seconds: float
    running: list[int] = field(default_factory=list)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        self.running.append(sum(trial.state is TrialState.RUNNING for trial in trials))
        time.sleep(self.seconds)
        return QuasiRandomSampler().propose(study, trials, count, seed)


@pytest.mark.parametrize("crash", ["none", "5"], ids=["all_well", "a_worker_dies"])
def test_candidates_are_made_while_all_workers_are_busy(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    monkeypatch.setenv("CRASH", crash)
    sampler = ThinkingSampler(0.05)

    assert search(folder, store, 12, sampler) is Ended.DONE

    trials = store.trials("curve")
    assert [trial.number for trial in trials] == list(range(12))
    assert len({str(trial.parameters) for trial in trials}) == 12
    # The first two are asked for together, and some more before there is a trial to measure by.
    assert sampler.running.count(2) >= 3


def test_with_one_worker_each_candidate_knows_all_that_was_measured(
    folder: Path, store: Store
) -> None:
    sampler = ThinkingSampler(0.05)

    search(folder, store, 5, sampler, workers=1)

    assert sampler.running == [0] * 5


def test_a_run_that_has_no_time_left_starts_nothing_that_was_made_in_advance(
    folder: Path, store: Store
) -> None:
    sampler = ThinkingSampler(0.1)

    assert search(folder, store, 99, sampler, time_limit=1.5) is Ended.TIME_LIMIT

    states = {trial.state for trial in store.trials("curve")}
    assert states == {TrialState.COMPLETED}


def test_ctrl_c_lets_the_running_trials_finish(folder: Path, store: Store) -> None:
    with driver(folder) as process:
        wait_until(lambda: len(completed(store)) >= 2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)

    assert said == "interrupted\n"
    trials = store.trials("curve")
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    assert {trial.attempts for trial in trials} == {1}
    assert len(trials) < 16
    assert not any(runs(worker) for _, worker in calls(folder))


@pytest.mark.parametrize(
    ("signals", "told"),
    [([signal.SIGINT, signal.SIGINT], "interrupted\n"), ([signal.SIGTERM], "terminated\n")],
    ids=["ctrl_c_twice", "sigterm"],
)
def test_a_run_that_is_stopped_at_once_hands_its_trials_back(
    folder: Path, store: Store, signals: Sequence[signal.Signals], told: str
) -> None:
    with driver(folder, HANG="3") as process:
        wait_until(lambda: {3, 4} <= {number for number, _ in calls(folder)})
        for each in signals:
            process.send_signal(each)
            time.sleep(0.5)
        said, _ = process.communicate(timeout=60)

    assert said == told
    states = {trial.number: trial.state for trial in store.trials("curve")}
    assert states[3] is TrialState.PROPOSED
    assert TrialState.RUNNING not in states.values()
    assert not any(runs(worker) for _, worker in calls(folder))


def test_a_thread_that_proposes_does_not_keep_a_run_from_being_stopped(folder: Path) -> None:
    with driver(folder, THINK="60") as process:
        wait_until((folder / "asked").exists)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)

    assert said == "terminated\n"
    assert time.monotonic() - began < 30.0


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


def test_a_mistake_of_the_evaluator_fails_its_trial_and_the_run_goes_on(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGET", "3")

    assert search(folder, store, 8) is Ended.DONE

    failures = {each.number: each.failure for each in store.trials("curve") if each.failure}
    assert list(failures) == [3]
    assert failures[3].kind is FailureKind.EVALUATOR
    assert failures[3].message.startswith("the evaluator returned no 'cost', it returned")


def test_drivers_share_a_study_and_take_over_from_one_that_dies(folder: Path, store: Store) -> None:
    with driver(folder, HANG="3", THINK="0.1") as first:
        wait_until(lambda: 3 in {number for number, _ in calls(folder)})
        with driver(folder, THINK="0.1") as second:
            wait_until(lambda: len(completed(store)) == 15)
            first.kill()
            said, _ = second.communicate(timeout=60)

    assert said == "done\n"
    trials = store.trials("curve")
    assert [trial.number for trial in trials] == list(range(16))
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}
    counted = Counter(number for number, _ in calls(folder))
    assert counted == Counter(dict.fromkeys(range(16), 1) | {3: 2})
