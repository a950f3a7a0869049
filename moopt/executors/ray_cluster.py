"""Trials on a Ray cluster: an actor for each worker, with a worker process of its own inside.

The actors ask for CPUs and GPUs, so the cluster places them, and grows where it can. An actor that
is lost, alone or with its machine, fails its trial as `infrastructure` and is asked for again;
until there is room for it, fewer trials run.
"""

import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from moopt.errors import ExecutorError
from moopt.executors.ray_address import LOCAL, resolved
from moopt.executors.ray_connection import connect
from moopt.executors.ray_crew import Crew
from moopt.executors.ray_patience import Attendance, check_possible, settle
from moopt.executors.ray_room import Share
from moopt.executors.ray_worker import Setup
from moopt.executors.study_bundle import bundle_of
from moopt.study.evaluation import Evaluation, Report, Split, ignore_partial_result
from moopt.study.scale import SCALE_VARIABLE
from moopt.study.trials import Trial


class RayExecutor:
    """A pool of workers on a Ray cluster.

    Args:
        study_file: What each worker loads. It is shipped with what lies beside it.
        directory: Gets a folder for each trial, named by its number. Machines that do not share it
            have their own under the same path.
        workers: How many there are at most. None: as many as there is room for
            when it starts.
        cpus_per_trial: CPUs that each worker asks the cluster for, and threads that a trial has.
        gpus_per_trial: A whole number, or a share such as 0.5. 0: trials run on the CPU. None: 1
            where the cluster has GPUs.
        timeout: Seconds after which a trial is ended. None: no limit.
        memory_limit: Bytes of main memory that a worker and its children may hold. None: no limit.
        address: Of the cluster: `host:port`, `ray://host:port`, `auto` for the one that was started
            on this machine, `local` for one of its own. None: what RAY_ADDRESS says, else `local`.
        patience: Seconds to wait for a cluster that has no room, or that lost all workers. None:
            half a minute for one that is full and two for one that lost them; one that is too
            small is not waited for.

    Raises:
        ExecutorError: The cluster cannot be reached or has no room, or the numbers cannot be.
        StudyError: Too much lies beside the study file.
    """

    def __init__(
        self,
        study_file: Path,
        *,
        directory: Path,
        workers: int | None = None,
        cpus_per_trial: int = 1,
        gpus_per_trial: float | None = None,
        timeout: float | None = None,
        memory_limit: int | None = None,
        address: str | None = None,
        patience: float | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise ExecutorError(f"a cluster needs at least 1 worker, got {workers}")
        for limit in (timeout, memory_limit):
            if limit is not None and limit <= 0:
                raise ExecutorError(f"a limit for trials needs to be positive, got {limit:g}")
        Share(cpus_per_trial, gpus_per_trial or 0)
        bundle = bundle_of(study_file)
        self._counter = itertools.count()
        self._takers: dict[str, Callable[[str, Report], None]] = {}
        with ExitStack() as stack:
            self._connection = connect(
                resolved(address), bundle, cpus=cpus_per_trial * (workers or 1)
            )
            stack.callback(self._connection.close)
            mark = stack.enter_context(_marked(directory.resolve()))
            cluster = self._connection.cluster()
            gpus = float(cluster.has_gpus) if gpus_per_trial is None else gpus_per_trial
            share = Share(cpus_per_trial, gpus)
            check_possible(cluster, share, patience)
            setups = [
                Setup(
                    bundle=bundle,
                    directory=mark.parent,
                    mark=mark.name,
                    cwd=Path.cwd(),
                    slot=slot,
                    gpus=gpus,
                    threads=cpus_per_trial,
                    timeout=timeout,
                    memory_limit=memory_limit,
                    scale=os.environ.get(SCALE_VARIABLE),
                )
                for slot in range(workers or max(1, cluster.room(share)))
            ]
            self._crew = Crew(setups, share, mark.parent)
            stack.callback(self._crew.dismiss)
            settle(self._crew, self._connection, patience)
            self._attendance = Attendance(self._crew, self._connection, patience)
            self._closing = stack.pop_all()

    @property
    def capacity(self) -> int:
        """How many trials can run at once: as many as there are workers at this moment.

        Raises:
            ExecutorError: There has been none for too long, or the head of the cluster is gone.
        """
        self._crew.look(0.0)
        self._crew.check_usable()
        self._attendance.check()
        return self._crew.placed

    @property
    def description(self) -> str:
        """Where the workers are, for people."""
        workers = f"{self._crew.placed} of {len(self._crew.slots)} workers, {self._crew.share} each"
        if self._connection.address == LOCAL:
            return f"Ray was started on this machine: {workers}"
        hosts = sorted({slot.opened.host for slot in self._crew.slots if slot.opened})
        return f"Ray at {self._connection.address}: {workers}, on {', '.join(hosts)}"

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
            ExecutorError: All workers are busy, or there is none.
            StudyError: No worker can use the study file.
        """
        self._crew.look(0.0)
        self._crew.check_usable()
        name = f"{trial.number}.{next(self._counter)}"
        self._takers[name] = take
        slot = next((each for each in self._crew.slots if each.idle), None)
        if slot is None and self._crew.placed < len(self._crew.slots):
            # The one that was free has just been lost.
            self._crew.lose(name)
            return name
        if slot is None:
            raise ExecutorError(f"all {self._crew.placed} workers are busy; poll their jobs first")
        slot.give(name, trial, split)
        return name

    def poll(self, job: str) -> Evaluation | None:
        """Return what became of a job, once; None while it runs.

        Raises:
            StudyError: No worker can use the study file.
        """
        self._crew.look(0.0)
        for report in self._crew.reports.pop(job, []):
            self._takers[job](job, report)
        if job in self._crew.ended:
            del self._takers[job]
            return self._crew.ended.pop(job)
        self._crew.check_usable()
        return None

    def wait(self, seconds: float) -> None:
        """Return when a job has ended or reported or a worker has come, at most after that long."""
        end = time.monotonic() + seconds
        placed = self._crew.placed
        while not self._crew.has_news and self._crew.usable and self._crew.placed <= placed:
            placed = self._crew.placed
            left = end - time.monotonic()
            if left <= 0:
                return
            self._crew.look(left)

    def stop_early(self, job: str) -> None:
        """Tell the evaluator of a job to come to an end, if it still runs."""
        for slot in self._crew.slots:
            if slot.job == job:
                slot.stop_early()

    def stop(self, job: str) -> None:
        """End a job without an outcome, and the process that measures it."""
        self._crew.ended.pop(job, None)
        self._crew.reports.pop(job, None)
        self._takers.pop(job, None)
        for slot in self._crew.slots:
            if slot.job == job:
                slot.stop()

    def close(self) -> None:
        """End all jobs and all workers and leave the cluster."""
        self._closing.close()


@contextmanager
def _marked(directory: Path) -> Iterator[Path]:
    """Put a file into a folder by which others know that they see the same folder."""
    directory.mkdir(parents=True, exist_ok=True)
    mark = directory / f".moopt-{uuid.uuid4().hex}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)
