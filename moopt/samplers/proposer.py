"""Candidates for a run: made when a worker is free, or in advance while every worker is busy.

A candidate that was made in advance knows the running trials as pending, as any candidate does, but
not what they measured since. So it is worth having only where a worker would wait long for a fresh
one. Nothing of it is recorded before it is handed out.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from moopt.protocols import Sampler
from moopt.samplers.history import key, tried_parameters
from moopt.samplers.starting_points import next_candidates
from moopt.study.study import Study
from moopt.study.trials import Candidate, FailureKind, Trial, TrialState

WORTH_HIDING = 0.05
"""Share of a typical trial that a proposal may take before it is made in advance: below, knowing
one result more saves more than the wait costs."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What there was to know when candidates were made."""

    study: Study
    trials: int
    ended: int
    failed: int
    """Trials that failed by their own fault."""

    @classmethod
    def of(cls, study: Study, trials: Sequence[Trial]) -> "_Known":
        failures = [trial.failure for trial in trials if trial.failure is not None]
        return cls(
            study,
            len(trials),
            ended=sum(trial.ended is not None for trial in trials),
            failed=sum(failure.kind is FailureKind.CANDIDATE for failure in failures),
        )


@dataclass
class Proposer:
    """Asks a sampler on behalf of one run."""

    sampler: Sampler
    seed: int
    _seconds: float = 0.0
    """That the last proposal took."""

    _ready: list[Candidate] = field(default_factory=list)
    _known: _Known | None = None

    def propose(self, study: Study, trials: Sequence[Trial], count: int) -> list[Candidate]:
        """Return fresh candidates; fewer than `count` only when the space is exhausted."""
        began = time.monotonic()
        candidates = next_candidates(self.sampler, study, trials, count, self.seed)
        self._seconds = time.monotonic() - began
        return candidates

    def prepare(self, study: Study, trials: Sequence[Trial], workers: int, most: int) -> None:
        """Make candidates in advance, if that is worth it and there are none.

        It is where the last proposal took more than 5 % of the median trial. With one worker it
        never is: what is made in advance would be a trial behind, and a run with one worker can be
        repeated exactly.

        Args:
            study: What to search.
            trials: What there is of it, running trials included.
            workers: How many trials run at once.
            most: How many candidates are still to be made.
        """
        typical = _typical_seconds(trials)
        if workers < 2 or most < 1 or self._seconds <= WORTH_HIDING * typical:
            return
        known = _Known.of(study, trials)
        if known == self._known or (self._ready and self._is_up_to_date(known, workers)):
            return
        # So many workers come free while the next proposal is made.
        count = math.ceil(workers * self._seconds / max(typical, self._seconds))
        self._ready = self.propose(study, trials, min(count, most))
        self._known = known

    def ready(
        self, study: Study, trials: Sequence[Trial], workers: int, most: int
    ) -> list[Candidate]:
        """Hand out candidates that were made in advance and are still good.

        They are dropped when the reference point was inferred since, when a trial failed by its own
        fault, when more trials have ended than there are workers, or when they were tried.

        Args:
            study: What to search.
            trials: What there is of it.
            workers: How many trials run at once.
            most: How many are wanted at most.
        """
        if not self._is_up_to_date(_Known.of(study, trials), workers):
            self._ready = []
        tried = {key(parameters) for parameters in tried_parameters(trials)}
        fresh = [each for each in self._ready if key(each.parameters) not in tried]
        self._ready = fresh[most:]
        return fresh[:most]

    def _is_up_to_date(self, now: _Known, workers: int) -> bool:
        then = self._known
        return (
            then is not None
            and now.study == then.study
            and now.failed == then.failed
            and now.ended - then.ended <= workers
        )


def _typical_seconds(trials: Sequence[Trial]) -> float:
    """Return the median duration of a completed trial, infinity where there is none."""
    durations = [
        (trial.ended - trial.started).total_seconds()
        for trial in trials
        if trial.state is TrialState.COMPLETED and trial.started and trial.ended
    ]
    return median(durations) if durations else math.inf
