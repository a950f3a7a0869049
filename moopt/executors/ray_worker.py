"""What runs in a Ray actor: a pool of one worker process, and the way to it.

The actor's process never runs foreign code. So whatever an evaluator does ends the worker process
as it would locally, and the actor says what became of it.
"""

import os
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from moopt.errors import ExecutorError, MooptError, StudyError
from moopt.executors.devices import VISIBLE
from moopt.executors.local import LocalExecutor
from moopt.executors.messages import Broken, Printed
from moopt.executors.study_bundle import STUDY_FOLDER, Bundle, lies_here
from moopt.executors.worker import STDERR
from moopt.executors.worker_process import tail
from moopt.study.evaluation import Evaluation, Report, Split
from moopt.study.scale import SCALE_VARIABLE
from moopt.study.trials import Failure, Trial

BEAT_SECONDS = 15.0
"""How long an actor that measures says nothing at most."""

_TICK_SECONDS = 0.25
"""How late reports and the wish to stop may be noticed."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What an actor needs to know."""

    bundle: Bundle
    directory: Path
    """For the folders of the trials, on the driver's machine."""

    mark: str
    """Name of a file in there, by which an actor knows that it sees the same folder."""

    cwd: Path
    """The driver's current folder."""

    slot: int
    """Number of the actor's place, which names the log of its workers."""

    gpus: float
    threads: int
    timeout: float | None
    memory_limit: int | None

    scale: str | None
    """Of the study file; None: its first."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An actor that has its place."""

    host: str
    process: int
    directory: Path
    shares_directory: bool
    """It sees the folder that the driver has under this path."""

    lacks: tuple[str, ...]
    """Files beside the study file that were too big to ship and are not here."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a job since the last step."""

    reports: tuple[Report, ...]
    ended: Evaluation | Broken | None
    """None: it goes on."""


class RayWorker:
    """The actor. Its methods run in threads, at most one of which is at the pool."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.host = socket.gethostname()
        """Name of this machine."""

        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._unwanted: set[str] = set()
        self._stopping: set[str] = set()
        """Jobs that are to come to an end and were not told yet."""

        self._pool: LocalExecutor | None = None
        self._job: _Job | None = None
        self._directory = setup.directory
        self._shares_directory = False

    def open(self) -> Opened | Broken:
        """Find files and GPUs on this machine and start the worker process."""
        setup = self._setup
        in_place = lies_here(setup.bundle)
        # Ray starts an actor in the folder of what was shipped.
        folder = setup.bundle.folder if in_place else Path.cwd() / STUDY_FOLDER
        if setup.gpus == 0:
            # Ray leaves it unset, and then every GPU is seen.
            os.environ[VISIBLE] = ""
        if setup.scale is not None:
            os.environ[SCALE_VARIABLE] = setup.scale
        os.chdir(setup.cwd if setup.cwd.is_dir() else folder)
        self._shares_directory = (setup.directory / setup.mark).exists()
        self._directory = _usable(setup.directory)
        try:
            self._pool = LocalExecutor(
                folder / setup.bundle.study_file,
                workers=1,
                directory=self._directory,
                gpus_per_trial=setup.gpus,
                threads=setup.threads,
                timeout=setup.timeout,
                memory_limit=setup.memory_limit,
                first=setup.slot,
            )
        except MooptError as error:
            return Broken(f"{error} (on {self.host})")
        return Opened(
            host=self.host,
            process=os.getpid(),
            directory=self._directory,
            shares_directory=self._shares_directory,
            lacks=() if in_place else tuple(setup.bundle.left_out),
        )

    def measure(self, name: str, trial: Trial, split: Split) -> Step:
        """Start a job and return its first step."""
        with self._lock:
            pool = self._opened()
            if name in self._unwanted:
                # The call that stops it came in another thread and was faster.
                return Step((), None)
            if self._job is not None:
                pool.stop(self._job.inside)
            errors = self._directory / str(trial.number) / STDERR
            offset = errors.stat().st_size if errors.exists() else 0
            reports: list[Report] = []
            try:
                inside = pool.start(trial, split, lambda _, report: reports.append(report))
            except MooptError as error:
                return Step((), Broken(str(error)))
            self._job = _Job(name, inside, Printed(errors, offset), reports)
            return self._step(pool, self._job)

    def go_on(self, name: str) -> Step:
        """Return the next step of a job."""
        with self._lock:
            if self._job is None or self._job.name != name:
                return Step((), None)
            return self._step(self._opened(), self._job)

    def stop_early(self, name: str) -> None:
        """Tell the evaluator of a job to come to an end, within a moment."""
        self._stopping.add(name)

    def stop(self, name: str) -> None:
        """End a job without an outcome."""
        self._unwanted.add(name)
        with self._lock:
            if self._job is not None and self._job.name == name:
                self._opened().stop(self._job.inside)
                self._job = None

    def stay(self) -> None:
        """Return when the actor is closed: until then an unanswered call tells that it lives."""
        self._closed.wait()

    def close(self) -> None:
        """End the worker process, an idle one by itself."""
        if self._job is not None:
            self._unwanted.add(self._job.name)
        with self._lock:
            if self._pool is not None:
                self._pool.close()
        self._closed.set()

    def _opened(self) -> LocalExecutor:
        if self._pool is None:
            raise ExecutorError("the actor was not opened")
        return self._pool

    def _step(self, pool: LocalExecutor, job: "_Job") -> Step:
        """Return when the job has ended, has reported or is unwanted, or after a while."""
        beat = time.monotonic() + BEAT_SECONDS
        while job.name not in self._unwanted and time.monotonic() < beat:
            if job.name in self._stopping:
                self._stopping.discard(job.name)
                pool.stop_early(job.inside)
            pool.wait(_TICK_SECONDS)
            ended = self._ended(pool, job)
            reports = tuple(job.reports)
            job.reports.clear()
            if ended is not None:
                self._job = None
            if ended is not None or reports:
                return Step(reports, ended)
        return Step((), None)

    def _ended(self, pool: LocalExecutor, job: "_Job") -> Evaluation | Broken | None:
        try:
            evaluation = pool.poll(job.inside)
        except StudyError as error:
            return Broken(str(error))
        if evaluation is not None and isinstance(evaluation.outcome, Failure):
            return replace(evaluation, outcome=self._located(evaluation.outcome, job))
        return evaluation

    def _located(self, failure: Failure, job: "_Job") -> Failure:
        """Add to a failure what somebody needs to know who does not see this machine."""
        if self._shares_directory:
            return failure
        said = tail(job.errors)
        where = f" (on {self.host}" + (f": {said})" if said not in failure.message else ")")
        return replace(failure, message=failure.message + where)


@dataclass(frozen=True, slots=True)
class _Job:
    """A job of the pool."""

    name: str
    """As the driver calls it."""

    inside: str
    """As the pool calls it."""

    errors: Printed
    """What the trial prints to stderr."""

    reports: list[Report]
    """What it has reported since the last step."""


def _usable(directory: Path) -> Path:
    """Return the folder, or one like it where this machine cannot have it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        directory = Path(tempfile.gettempdir()) / "moopt-artifacts" / directory.name
        directory.mkdir(parents=True, exist_ok=True)
    return directory
