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
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection

from moopt.errors import MooptError
from moopt.executors.evaluation import evaluate_trial, trial_logger
from moopt.executors.journal import FILES, digest_of, read_outcome, write_outcome
from moopt.executors.messages import (
    DRIVER_VARIABLE,
    PIPE_VARIABLE,
    Answer,
    Begun,
    Broken,
    Job,
    Order,
    Ready,
    Setup,
    StopEarly,
)
from moopt.executors.output import output_into, printed_from_now, same_folder
from moopt.study.evaluation import Evaluation, Evaluator, Report, Split
from moopt.study.loading import StudyFile, load_study_file
from moopt.study.outcomes import judge
from moopt.study.study import Study
from moopt.study.trials import Failure, Trial

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


def _serve(connection: "Connection[Answer, Order]") -> None:
    setup = connection.recv()
    if not isinstance(setup, Setup):
        raise TypeError(f"a worker is set up first, got {setup!r}")
    sys.path[:] = setup.search_path
    try:
        digest = digest_of(setup.study_file)
        file = load_study_file(setup.study_file)
    except (MooptError, OSError) as error:
        connection.send(Broken(str(error)))
        return
    connection.send(Ready())
    while True:
        job = connection.recv()
        if isinstance(job, Job):
            directory = setup.directory / str(job.trial.number)
            directory.mkdir(parents=True, exist_ok=True)
            connection.send(Begun(tuple(printed_from_now(directory / f) for f in (STDERR, STDOUT))))
            here = replace(setup, directory=directory)
            connection.send(_answer(file, digest, here, job, Line(connection)))


class Line:
    """The pipe to the driver while a trial is measured."""

    def __init__(self, connection: "Connection[Answer, Order]") -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._was_told = False

    def send(self, report: Report) -> None:
        """Hand over a partial result."""
        self._connection.send(report)

    def should_stop(self) -> bool:
        """Say whether the driver has told to come to an end. Threads may ask."""
        with self._lock:
            # It says nothing else meanwhile. When it is gone, so is this process in a moment.
            with suppress(EOFError, OSError):
                while not self._was_told and self._connection.poll():
                    self._was_told = isinstance(self._connection.recv(), StopEarly)
            return self._was_told


def _answer(file: StudyFile, digest: str, here: Setup, job: Job, line: Line) -> Answer:
    """Measure a trial in its folder, or find there what was measured before."""
    directory = here.directory
    evaluate = file.evaluate if job.split is Split.SEARCH else file.held_out
    if evaluate is None:
        return Broken(f"{file.path} defines no `held_out` to measure on held-out data with")
    known = read_outcome(directory, job.trial, job.split, study_file=digest)
    if known is not None and _is_measured(file.study, job.trial, known):
        with trial_logger(job.trial, directory) as logger:
            logger.info("measured before, and not recorded then: %s", FILES[job.split])
        return known
    evaluation = _measure(evaluate, here, job.trial, line)
    if _is_measured(file.study, job.trial, evaluation):
        try:
            write_outcome(directory, job.trial, job.split, evaluation, study_file=digest)
        except OSError as error:
            with trial_logger(job.trial, directory) as logger:
                logger.warning("cannot keep the outcome in %s: %s", directory, error)
    return evaluation


def _is_measured(study: Study, trial: Trial, evaluation: Evaluation) -> bool:
    """Say whether the driver will record measurements."""
    return not isinstance(judge(study, trial, evaluation.outcome), Failure)


def _measure(evaluate: Evaluator, here: Setup, trial: Trial, line: Line) -> Evaluation:
    directory = here.directory
    this_process = os.getpid()
    try:
        with output_into(directory / STDOUT, directory / STDERR), same_folder():
            return evaluate_trial(
                evaluate,
                trial,
                device=here.device,
                gpus=here.gpus,
                directory=directory,
                take=line.send,
                should_stop=line.should_stop,
            )
    finally:
        if os.getpid() != this_process:
            # A fork of the evaluator that forgot to end: it is no worker.
            os._exit(0)


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
