"""The jobs that a loop has started and not yet seen end."""

import time
from collections.abc import Callable, Iterator

from moopt.protocols import Executor
from moopt.study.evaluation import Evaluation, Report, Split
from moopt.study.trials import Trial


def go_on(trial: Trial, report: Report) -> bool:
    """Say that a trial is to go on, whatever it reports."""
    del trial, report
    return False


class Jobs:
    """Trials on an executor.

    Args:
        executor: Runs them.
        stops: Is given the partial results of trials that are measured for the search, each before
            the outcome of its trial, and says whether the trial is to end early.
    """

    def __init__(self, executor: Executor, stops: Callable[[Trial, Report], bool] = go_on) -> None:
        self._executor = executor
        self._stops = stops
        self._trials: dict[str, Trial] = {}

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def capacity(self) -> int:
        """How many jobs there can be."""
        return self._executor.capacity

    @property
    def free(self) -> int:
        """How many jobs can be started; none where machines left while their jobs end."""
        return max(0, self.capacity - len(self))

    def start(self, trial: Trial, split: Split) -> None:
        """Start a trial."""

        def take(job: str, report: Report) -> None:
            if self._stops(trial, report):
                self._executor.stop_early(job)

        if split is Split.SEARCH:
            job = self._executor.start(trial, split, take)
        else:
            job = self._executor.start(trial, split)
        self._trials[job] = trial

    def ended(self, seconds: float) -> Iterator[tuple[Trial, Evaluation]]:
        """Wait so long at most, less if a trial reports, and yield what has ended, one by one.

        Each outcome should be recorded before the next is asked for.

        Args:
            seconds: Longest wait.
        """
        if self._trials:
            self._executor.wait(seconds)
        else:
            # Other drivers have the rest.
            time.sleep(seconds)
        for job, trial in list(self._trials.items()):
            evaluation = self._executor.poll(job)
            if evaluation is not None:
                del self._trials[job]
                yield trial, evaluation

    def stop(self) -> None:
        """End all jobs without an outcome."""
        for job in self._trials:
            self._executor.stop(job)
        self._trials.clear()
