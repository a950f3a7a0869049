"""Watching runs from outside, and waiting for what happens in them."""

import time
from collections.abc import Callable

import psutil

from moopt.benchmarks.chaos.drivers import workers_of
from moopt.benchmarks.chaos.evidence import Happened
from moopt.benchmarks.chaos.rounds import Plan, Run
from moopt.study.trials import TrialState

PATIENCE = 180.0

Begin = Callable[[Plan], Run]


def wait_for(run: Run, is_so: Callable[[], bool]) -> None:
    """Return when something has happened; fail when it does not."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        run.team.look()
        assert time.monotonic() < deadline, f"it did not happen; the drivers said: {said(run)}"
        time.sleep(0.02)


def completed(run: Run) -> int:
    """Return how many trials have measurements."""
    return sum(trial.state is TrialState.COMPLETED for trial in run.trials())


def said(run: Run) -> str:
    """Return what the drivers printed so far."""
    files = (driver.output for driver in run.team.drivers)
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())


def happened(run: Run, cause: str) -> bool:
    """Say whether there is an event with these words in its cause."""
    return any(cause in event.cause for event in run.events())


def busy_workers(run: Run, driver: psutil.Process) -> list[psutil.Process]:
    """Return the workers of a driver that are in the middle of an evaluation."""
    latest = {line.process: line.happened for line in run.lines}
    return [each for each in workers_of(driver) if latest.get(each.pid) is Happened.BEGAN]
