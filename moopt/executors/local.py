"""Worker processes of this machine that stay alive: each loads the study file once.

A worker that dies fails its trial as `infrastructure` and is replaced; a trial that it had not
begun goes to its successor. Stopping and time limits end processes, for nothing else ends foreign
code reliably.
"""

import itertools
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path

from moopt.errors import ExecutorError, StudyError
from moopt.executors.devices import (
    available_gpus,
    device_name,
    share_gpus,
    worker_environment,
)
from moopt.executors.messages import Answer, Begun, Broken, Job, Ready, Setup
from moopt.executors.watching import INTERVAL_SECONDS, Watch
from moopt.executors.worker_process import Assignment, WorkerProcess, start_worker
from moopt.study.evaluation import Evaluation, Report, Split, ignore_partial_result
from moopt.study.trials import Failure, FailureCause, FailureKind, Trial

MAX_FAILED_STARTS = 3
"""How many workers in a row may die before they begin a trial."""

MAX_KILLED_STARTS = 10
"""How many, if somebody kills them: then it is hardly the study file."""

LEASE_SECONDS = 60.0
"""How long a worker may be stopped."""


class LocalExecutor:
    """A pool of worker processes.

    Args:
        study_file: What each worker loads.
        workers: How many there are, and how many trials run at once.
        directory: Gets a folder for each trial, named by its number, with what it prints; and
            `workers`, with what they print otherwise.
        gpus_per_trial: A whole number, or a share such as 0.5. 0: trials run on the CPU.
        threads: How many a trial has for linear algebra and the like.
        timeout: Seconds after which a trial is ended. None: no limit.
        memory_limit: Bytes of main memory that a worker and its children may hold; above it the
            trial is ended, its like are avoided, and the worker is replaced. None: no limit.
        lease: Seconds after which a worker that somebody stopped (SIGSTOP) is given up. One that is
            only busy is never given up.
        first: Number of the first worker, which names its log.

    Raises:
        ExecutorError: There is no worker, there are too few GPUs, or a limit is not positive.
    """

    def __init__(
        self,
        study_file: Path,
        *,
        workers: int,
        directory: Path,
        gpus_per_trial: float = 0,
        threads: int = 1,
        timeout: float | None = None,
        memory_limit: int | None = None,
        lease: float = LEASE_SECONDS,
        first: int = 0,
    ) -> None:
        if workers < 1:
            raise ExecutorError(f"a pool needs at least 1 worker, got {workers}")
        limits = {
            "a time limit for trials": timeout,
            "a memory limit for trials": memory_limit,
            "the lease of a stopped worker": lease,
            "the number of threads": threads,
        }
        for name, limit in limits.items():
            if limit is not None and limit <= 0:
                raise ExecutorError(f"{name} needs to be positive, got {limit:g}")
        self._study_file = study_file.resolve()
        self._directory = directory.resolve()
        self._timeout = math.inf if timeout is None else timeout
        self._gpus = share_gpus(workers, gpus_per_trial, available_gpus() if gpus_per_trial else ())
        self._counter = itertools.count()
        self._gpus_per_trial = gpus_per_trial
        self._threads = threads
        self._watch = Watch(memory_limit=memory_limit, lease=lease)
        self._first = first
        self._ended: dict[str, Evaluation] = {}
        self._reports: defaultdict[str, list[Report]] = defaultdict(list)
        self._takers: dict[str, Callable[[str, Report], None]] = {}
        self._failed_starts = 0
        self._broken: str | None = None
        self._workers: dict[int, WorkerProcess] = {}
        for index in range(workers):
            self._employ(index)

    @property
    def capacity(self) -> int:
        """How many trials can run at once: as many as there are workers."""
        return len(self._gpus)

    def start(
        self,
        trial: Trial,
        split: Split = Split.SEARCH,
        take: Callable[[str, Report], None] = ignore_partial_result,
    ) -> str:
        """Give a trial to an idle worker and return the job's name.

        Args:
            trial: What to measure.
            split: On which data.
            take: Is given the job's name and each partial result, by `poll`.

        Raises:
            ExecutorError: All workers are busy.
            StudyError: No worker can use the study file.
        """
        self._look(0.0)
        self._check_usable()
        idle = [i for i in range(self.capacity) if not self._is_busy(i)]
        if not idle:
            raise ExecutorError(f"all {self.capacity} workers are busy; poll their jobs first")
        # A worker that has loaded the study file begins at once.
        index = max(idle, key=lambda i: i in self._workers and self._workers[i].ready)
        worker = self._workers.get(index) or self._employ(index)
        name = f"{trial.number}.{next(self._counter)}"
        self._takers[name] = take
        worker.give(Assignment(name, Job(trial, split)))
        return name

    def poll(self, job: str) -> Evaluation | None:
        """Return what became of a job, once; None while it runs.

        Raises:
            StudyError: No worker can use the study file.
        """
        self._look(0.0)
        for report in self._reports.pop(job, []):
            self._takers[job](job, report)
        if job in self._ended:
            del self._takers[job]
            return self._ended.pop(job)
        self._check_usable()
        return None

    def wait(self, seconds: float) -> None:
        """Return when a job has ended or reported, and after that many seconds at the latest."""
        end = time.monotonic() + seconds
        while not self._ended and not self._reports and self._broken is None:
            left = end - time.monotonic()
            if left <= 0:
                return
            deadlines = [each.task.deadline for each in self._workers.values() if each.task]
            self._look(
                max(0.0, min(left, INTERVAL_SECONDS, *(d - time.monotonic() for d in deadlines)))
            )

    def stop_early(self, job: str) -> None:
        """Tell the evaluator of a job to come to an end, if it still runs."""
        for worker in self._workers.values():
            if worker.task is not None and worker.task.name == job:
                worker.stop_early()

    def stop(self, job: str) -> None:
        """End a job without an outcome, and the worker that has it."""
        self._ended.pop(job, None)
        self._reports.pop(job, None)
        self._takers.pop(job, None)
        for index, worker in list(self._workers.items()):
            if worker.task is not None and worker.task.name == job:
                worker.kill()
                del self._workers[index]

    def close(self) -> None:
        """End all jobs and all workers: idle ones by themselves, busy ones at once."""
        workers = list(self._workers.values())
        self._workers.clear()
        idle = [worker for worker in workers if worker.ready and worker.task is None]
        for worker in idle:
            worker.dismiss()
        for worker in workers:
            if worker not in idle:
                worker.kill()
        for worker in idle:
            worker.linger()

    def _employ(self, index: int) -> WorkerProcess:
        gpus = self._gpus[index]
        worker = start_worker(
            self._directory / "workers" / f"{self._first + index}.txt",
            Setup(
                self._study_file,
                self._directory,
                device=device_name(gpus),
                gpus=self._gpus_per_trial,
                search_path=tuple(sys.path),
            ),
            worker_environment(gpus, self._threads),
        )
        self._workers[index] = worker
        return worker

    def _look(self, seconds: float) -> None:
        """Take in what the workers say, who died and who has to go."""
        talking = wait([worker.connection for worker in self._workers.values()], seconds)
        wrong = self._watch.look([worker.process.pid for worker in self._workers.values()])
        for index, worker in list(self._workers.items()):
            if worker.connection in talking or worker.connection.poll():
                try:
                    answer = worker.connection.recv()
                except (EOFError, OSError):
                    self._replace(index, worker, worker.bury(self._watch))
                    continue
                self._take(index, worker, answer)
            elif not worker.alive():
                # A child of a dead worker may hold its pipe open.
                self._replace(index, worker, worker.bury(self._watch))
                continue
            failure = wrong.get(worker.process.pid) or self._too_late(worker)
            if failure is not None and self._workers[index] is worker:
                self._replace(index, worker, failure)

    def _take(self, index: int, worker: WorkerProcess, answer: Answer) -> None:
        match answer:
            case Ready():
                worker.ready = True
            case Begun() as begun:
                self._failed_starts = 0
                if worker.task is not None:
                    worker.task.begun = begun
                    worker.task.deadline = time.monotonic() + self._timeout
            case Broken(message=message):
                self._broken = message
            case Report() as report:
                if worker.task is not None:
                    self._reports[worker.task.name].append(report)
            case ended:
                if worker.task is not None:
                    self._ended[worker.task.name] = ended
                worker.task = None
                match ended:
                    case Evaluation(outcome=Failure(cause=FailureCause.GPU_ERROR) as failure):
                        self._replace(index, worker, failure)
                    case _:
                        pass

    def _replace(self, index: int, worker: WorkerProcess, failure: Failure) -> None:
        """End a worker, dead or not, and start another one."""
        worker.kill()
        del self._workers[index]
        task = worker.task
        if task is not None and task.begun:
            self._ended[task.name] = Evaluation(failure)
        elif task is not None or not worker.ready:
            self._failed_starts += 1
            most = MAX_FAILED_STARTS
            if failure.cause is FailureCause.WORKER_KILLED:
                most = MAX_KILLED_STARTS
            if self._failed_starts >= most and self._broken is None:
                self._broken = (
                    f"{self._failed_starts} workers in a row died before they began a trial of "
                    f"{self._study_file}; {failure.message}"
                )
        if self._broken is None:
            successor = self._employ(index)
            if task is not None and not task.begun:
                successor.give(task)

    def _too_late(self, worker: WorkerProcess) -> Failure | None:
        if worker.task is None or worker.task.deadline > time.monotonic():
            return None
        return Failure(
            FailureKind.TIMEOUT,
            f"the trial took longer than {self._timeout:g} s",
            FailureCause.TIMEOUT,
        )

    def _is_busy(self, index: int) -> bool:
        return index in self._workers and self._workers[index].task is not None

    def _check_usable(self) -> None:
        if self._broken is not None:
            raise StudyError(f"no worker can use the study file: {self._broken}")
