"""Trials in this process, one after the other: for quick evaluators, debuggers and tests."""

import itertools
from pathlib import Path

from moopt.errors import EvaluationError, ExecutorError
from moopt.executors.evaluation import evaluate_trial
from moopt.study.evaluation import Evaluation, Evaluator, Report, Split
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
        self._ended: dict[str, Evaluation | EvaluationError] = {}
        self._reports: dict[str, list[Report]] = {}
        self._counter = itertools.count()

    @property
    def capacity(self) -> int:
        """How many trials may be started before one is polled."""
        return self._capacity

    def start(self, trial: Trial, split: Split = Split.SEARCH) -> str:
        """Measure a trial and return the job's name.

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
        reported = self._reports[job] = []
        try:
            self._ended[job] = evaluate_trial(
                evaluate,
                trial,
                device=self._device,
                gpus=float(self._device != "cpu"),
                directory=directory,
                take=reported.append,
            )
        except EvaluationError as error:
            self._ended[job] = error
        return job

    def poll(self, job: str) -> Evaluation | None:
        """Return what became of a job, once.

        Raises:
            EvaluationError: The evaluator returned something other than a mapping to numbers.
        """
        evaluation = self._ended.pop(job, None)
        if isinstance(evaluation, EvaluationError):
            raise evaluation
        return evaluation

    def reports(self, job: str) -> list[Report]:
        """Return the partial results of a job, once."""
        return self._reports.pop(job, [])

    def wait(self, seconds: float) -> None:
        """Return at once: every job has ended."""
        del seconds

    def stop(self, job: str) -> None:
        """Forget the outcome of a job."""
        self._ended.pop(job, None)
        self._reports.pop(job, None)

    def close(self) -> None:
        """Forget all outcomes."""
        self._ended.clear()
        self._reports.clear()
