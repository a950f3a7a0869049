"""Trials in this process, one after the other: for quick evaluators, debuggers and tests."""

import itertools
from collections.abc import Callable
from pathlib import Path

from moopt.errors import ExecutorError
from moopt.executors.evaluation import evaluate_trial
from moopt.study.evaluation import Evaluation, Evaluator, Report, Split, ignore_partial_result
from moopt.study.trials import Trial


class InProcessExecutor:
    """Measures a trial while it is started; its outcome waits to be polled.

    Args:
        evaluate: Measures a trial.
        held_out: Measures it on data that the search never sees. None: there is no such data.
        directory: Gets a folder for each trial, named by its number.
        capacity: How many trials may be started before one is polled.
        device: Name of the torch device that evaluators are told.

    Raises:
        ExecutorError: The capacity is below 1.
    """

    def __init__(
        self,
        evaluate: Evaluator,
        *,
        held_out: Evaluator | None = None,
        directory: Path,
        capacity: int = 1,
        device: str = "cpu",
    ) -> None:
        if capacity < 1:
            raise ExecutorError(f"an executor needs a capacity of at least 1, got {capacity}")
        self._evaluators = {Split.SEARCH: evaluate, Split.HELD_OUT: held_out}
        self._directory = directory.resolve()
        self._capacity = capacity
        self._device = device
        self._ended: dict[str, Evaluation] = {}
        self._stopping: set[str] = set()
        self._counter = itertools.count()

    @property
    def capacity(self) -> int:
        """How many trials may be started before one is polled."""
        return self._capacity

    def start(
        self,
        trial: Trial,
        split: Split = Split.SEARCH,
        take: Callable[[str, Report], None] = ignore_partial_result,
    ) -> str:
        """Measure a trial and return the job's name.

        Args:
            trial: What to measure.
            split: On which data.
            take: Is given the job's name and each partial result, when it is reported.

        Raises:
            ExecutorError: There is no evaluator for held-out data, or no place for another job.
        """
        evaluate = self._evaluators[split]
        if evaluate is None:
            raise ExecutorError("there is no evaluator for held-out data; give one as held_out")
        if len(self._ended) >= self._capacity:
            raise ExecutorError(f"{self._capacity} jobs are started already; poll one first")
        job = f"{trial.number}.{next(self._counter)}"
        directory = self._directory / str(trial.number)
        try:
            self._ended[job] = evaluate_trial(
                evaluate,
                trial,
                device=self._device,
                gpus=float(self._device != "cpu"),
                directory=directory,
                take=lambda report: take(job, report),
                should_stop=lambda: job in self._stopping,
            )
        finally:
            self._stopping.discard(job)
        return job

    def poll(self, job: str) -> Evaluation | None:
        """Return what became of a job, once."""
        return self._ended.pop(job, None)

    def wait(self, seconds: float) -> None:
        """Return at once: every job has ended."""
        del seconds

    def stop_early(self, job: str) -> None:
        """Tell the evaluator to come to an end: from within `take`, for only then it runs."""
        self._stopping.add(job)

    def stop(self, job: str) -> None:
        """Forget the outcome of a job."""
        self._ended.pop(job, None)

    def close(self) -> None:
        """Forget all outcomes."""
        self._ended.clear()
