"""The jobs that a loop has started and not yet seen end."""

import time
from collections.abc import Callable, Iterator

from moopt.errors import EvaluationError
from moopt.protocols import Executor
from moopt.study.evaluation import Evaluation, Report, Split
from moopt.study.outcomes import mistake
from moopt.study.trials import Trial


def ignore_report(trial: Trial, report: Report) -> None:
    """Take a partial result and do nothing with it."""


class Jobs:
    """Trials on an executor."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._trials: dict[str, Trial] = {}

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def capacity(self) -> int:
        """How many jobs there can be."""
        return self._executor.capacity

    @property
    def free(self) -> int:
        """How many jobs can be started."""
        return self.capacity - len(self)

    def start(self, trial: Trial, split: Split) -> None:
        """Start a trial."""
        self._trials[self._executor.start(trial, split)] = trial

    def ended(
        self, seconds: float, take: Callable[[Trial, Report], None] = ignore_report
    ) -> Iterator[tuple[Trial, Evaluation]]:
        """Wait so long at most and yield what has ended, one by one.

        Each outcome should be recorded before the next is asked for.

        Args:
            seconds: Longest wait.
            take: Is given the partial results that came meanwhile, those of a trial before its end.

        Raises:
            EvaluationError: An evaluator returned what is no mapping to numbers.
        """
        if self._trials:
            self._executor.wait(seconds)
        else:
            # Other drivers have the rest.
            time.sleep(seconds)
        for job, trial in list(self._trials.items()):
            try:
                evaluation = self._executor.poll(job)
            except EvaluationError as error:
                del self._trials[job]
                raise mistake(trial, error) from error
            for report in self._executor.reports(job):
                take(trial, report)
            if evaluation is not None:
                del self._trials[job]
                yield trial, evaluation

    def stop(self) -> None:
        """End all jobs without an outcome."""
        for job in self._trials:
            self._executor.stop(job)
        self._trials.clear()
