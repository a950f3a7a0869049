"""The other side of the local executor: load the study file once, then measure trial after trial.

Run as `python -m moopt.executors.worker PIPE DRIVER`, with the descriptor of the pipe and the
process number of the driver. The pipe is nobody else's, so an evaluator may print what it likes.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from moopt.errors import EvaluationError, MooptError
from moopt.executors.evaluation import evaluate_trial
from moopt.executors.messages import (
    DRIVER_VARIABLE,
    PIPE_VARIABLE,
    Answer,
    Begun,
    Broken,
    Job,
    Ready,
    Refused,
    Setup,
)
from moopt.study.evaluation import Report, Split
from moopt.study.loading import StudyFile, load_study_file

STDOUT = "stdout.txt"
STDERR = "stderr.txt"
_WATCH_SECONDS = 0.5


def main(pipe: int, driver: int) -> None:
    """Serve a driver until it hangs up."""
    threading.Thread(target=_die_with, args=(driver,), daemon=True).start()
    faulthandler.enable(all_threads=False)
    with Connection(pipe) as connection:
        try:
            _serve(connection)
        except EOFError:
            # The driver has closed the pipe, or is no more.
            return


def _serve(connection: "Connection[Answer, Setup | Job]") -> None:
    setup = connection.recv()
    if not isinstance(setup, Setup):
        raise TypeError(f"a worker is set up first, got {setup!r}")
    sys.path[:] = setup.search_path
    try:
        file = load_study_file(setup.study_file)
    except MooptError as error:
        connection.send(Broken(str(error)))
        return
    connection.send(Ready())
    while True:
        job = connection.recv()
        if isinstance(job, Job):
            directory = setup.directory / str(job.trial.number)
            directory.mkdir(parents=True, exist_ok=True)
            errors = directory / STDERR
            connection.send(Begun(errors, errors.stat().st_size if errors.exists() else 0))
            connection.send(_measure(file, setup, directory, job, connection.send))


def _measure(
    file: StudyFile, setup: Setup, directory: Path, job: Job, take: Callable[[Report], None]
) -> Answer:
    evaluate = file.evaluate if job.split is Split.SEARCH else file.held_out
    if evaluate is None:
        return Broken(f"{file.path} defines no `held_out` to measure on held-out data with")
    with _output_into(directory):
        try:
            return evaluate_trial(
                evaluate,
                job.trial,
                device=setup.device,
                gpus=setup.gpus,
                directory=directory,
                take=take,
            )
        except EvaluationError as error:
            return Refused(str(error))


@contextmanager
def _output_into(directory: Path) -> Iterator[None]:
    """Send what this process and its children print into files, C code included."""
    targets = {1: directory / STDOUT, 2: directory / STDERR}
    _flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in targets}
    try:
        for descriptor, path in targets.items():
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(file, descriptor)
            os.close(file)
        yield
    finally:
        _flush()
        for descriptor, before in kept.items():
            os.dup2(before, descriptor)
            os.close(before)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _die_with(driver: int) -> None:
    """End this process and its children soon after the driver, however busy they are.

    The kernel could send a signal (PR_SET_PDEATHSIG), but does so already when the thread ends that
    started the worker.
    """
    while os.getppid() == driver:
        time.sleep(_WATCH_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(int(os.environ.pop(PIPE_VARIABLE)), int(os.environ.pop(DRIVER_VARIABLE)))
