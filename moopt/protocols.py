"""The seams, on one page: who proposes and who runs. Who measures is `study.evaluation.Evaluator`.

A sampler is a pure function of the study and its trials. An executor runs trials somewhere and
knows nothing of what they compute; it holds the evaluator, which its workers load once and keep.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from moopt.study.evaluation import Evaluation, Report, Split, ignore_partial_result
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial


@runtime_checkable
class Sampler(Protocol):
    """Chooses the next candidates. Equal arguments give equal candidates."""

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return candidates; fewer than `count` only when the space is exhausted."""
        ...


@runtime_checkable
class StoppingRule(Protocol):
    """Says which running trials are not worth finishing. Equal arguments give equal answers."""

    def stops(self, study: Study, trials: Sequence[Trial], trial: Trial) -> bool:
        """Say whether a trial is to end early.

        Args:
            study: Has a fidelity.
            trials: All of them, with what they reported; the trial is among them.
            trial: Runs, and has just reported: its `partial` is not empty.
        """
        ...


@runtime_checkable
class Executor(Protocol):
    """Runs trials somewhere."""

    @property
    def capacity(self) -> int:
        """How many trials can run at once."""
        ...

    def start(
        self,
        trial: Trial,
        split: Split = Split.SEARCH,
        take: Callable[[str, Report], None] = ignore_partial_result,
    ) -> str:
        """Start measuring a trial and return the job's name.

        Args:
            trial: What to measure.
            split: On which data.
            take: Is given the job's name and each partial result, in this thread: by `poll`, or by
                `start` where that measures. It may call `stop_early`.
        """
        ...

    def poll(self, job: str) -> Evaluation | None:
        """Return what became of a job, or None while it runs. It is returned once.

        Its partial results are handed over before.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Return when a job has ended or reported, and after that many seconds at the latest."""
        ...

    def stop_early(self, job: str) -> None:
        """Tell the evaluator of a job to come to an end: its `should_stop` says so from now on."""
        ...

    def stop(self, job: str) -> None:
        """End a job without an outcome."""
        ...

    def close(self) -> None:
        """End all jobs and free what the executor holds."""
        ...
