"""Waiting for what happens in other processes."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from moopt.protocols import Executor
from moopt.study.evaluation import Evaluation, Outcome
from moopt.study.trials import Failure
from tests.executors.faulty_study import trial_that

PATIENCE = 30.0


def outcome_of(executor: Executor, job: str) -> Outcome:
    """Return the outcome of a job once it has ended."""
    return evaluation_of(executor, job).outcome


def evaluation_of(executor: Executor, job: str) -> Evaluation:
    """Return what became of a job once it has ended."""
    found: list[Evaluation] = []

    def ended() -> bool:
        executor.wait(1.0)
        evaluation = executor.poll(job)
        found.extend([] if evaluation is None else [evaluation])
        return evaluation is not None

    wait_until(ended)
    return found[0]


def measured(executor: Executor, deed: str) -> Mapping[str, object]:
    """Return what is measured of a trial that does something."""
    outcome = outcome_of(executor, executor.start(trial_that(deed)))
    assert isinstance(outcome, Mapping)
    return outcome


def failure(executor: Executor, deed: str) -> Failure:
    """Return why there is nothing of a trial that does something."""
    outcome = outcome_of(executor, executor.start(trial_that(deed)))
    assert isinstance(outcome, Failure)
    return outcome


def wait_until(happened: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return when something has happened; fail when it does not in so many seconds."""
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def runs(process: int) -> bool:
    """Say whether a process runs; one that has ended and was not waited for does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
