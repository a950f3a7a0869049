"""Candidates for a run, made by a thread of its own while trials run.

A candidate that was made in advance knows the running trials as pending, as any candidate does, but
not what they measured since. So there are as few as do: enough that a worker seldom waits. They are
made one by one, each with those before it pending: a free worker gets the first as soon as it is
there. Nothing of it is recorded before it is handed out.
"""

import ctypes
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, median

from moopt.protocols import Sampler
from moopt.samplers.history import key, tried_parameters
from moopt.samplers.starting_points import announced, next_candidates
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState

WORTH = 0.1
"""What one more candidate in advance has to save, in workers that would wait for the search. With
two workers that is 5 % of their time, about what it costs to know one result less."""

RECENT = 12
"""Proposals whose mean time tells how long the next one takes."""

_INSTANT = 1e-6
"""Seconds: no trial is shorter than that."""

_LATEST = 100
"""Trials whose median duration tells how long the next one takes."""

_PATIENCE = 2.0
"""Seconds for the thread to end. Then it is left to itself, and ends with the process."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be made, and what there is to know for it."""

    study: Study
    trials: tuple[Trial, ...]
    count: int
    """Candidates that are to be ready."""


@dataclass(frozen=True, slots=True)
class _Made:
    candidate: Candidate
    study: Study
    known: int
    """Trials that there were when it was begun."""

    ended: int
    """Those of them that had ended."""


class _AbandonedError(BaseException):
    """Ends a proposal that nobody waits for any more; no handler of a sampler takes it."""


class Proposer:
    """Asks a sampler on behalf of one run, until it is closed.

    Args:
        sampler: Whom to ask.
        seed: Of the run.
    """

    def __init__(self, sampler: Sampler, seed: int) -> None:
        self.seed = seed
        self._sampler = sampler
        self._changed = threading.Condition()
        self._order: _Order | None = None
        self._answered: _Order | None = None
        """The order to which the sampler knew no further candidate."""

        self._ready: list[_Made] = []
        self._seconds: deque[float] = deque(maxlen=RECENT)
        self._error: BaseException | None = None
        self._is_making = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="moopt proposals", daemon=True)

    def close(self) -> None:
        """End the thread, in the middle of a proposal if need be."""
        if self._thread.ident is None:
            return
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._is_making:
                # It is in the middle of a model that nobody needs, and ends at its next step.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(_AbandonedError)
                )
        self._thread.join(_PATIENCE)

    @property
    def exhausted(self) -> bool:
        """Whether the sampler knows no further candidate for what was ordered last."""
        with self._changed:
            return self._order is not None and self._answered is self._order and not self._ready

    def order(
        self, study: Study, trials: Sequence[Trial], *, workers: int, free: int, most: int
    ) -> None:
        """Have candidates made: for the workers that are free, and in advance.

        With one worker nothing is made in advance: it would be a trial behind, and a run with one
        worker can be repeated exactly.

        Args:
            study: What to search.
            trials: What there is of it, running trials included.
            workers: How many trials run at once.
            free: How many workers wait.
            most: How many candidates are still to be made.

        Raises:
            Exception: Whatever the sampler raised.
        """
        with self._changed:
            if self._error is not None:
                raise self._error
            ahead = stock(workers, self._seconds, typical_seconds(trials))
            order = _Order(study, tuple(trials), min(free + ahead, most))
            if order != self._order:
                self._order = order
            self._drop_outdated(study, trials, workers)
            self._changed.notify_all()
        if self._thread.ident is None:
            self._thread.start()

    def take(
        self, study: Study, trials: Sequence[Trial], *, workers: int, most: int
    ) -> list[Candidate]:
        """Hand out candidates that are ready and still good, the oldest first.

        Dropped are those that were made before the reference point was inferred, those that were
        tried since, and those since which more trials have ended than there are workers.

        Args:
            study: What to search.
            trials: What there is of it.
            workers: How many trials run at once.
            most: How many are wanted at most.
        """
        with self._changed:
            self._drop_outdated(study, trials, workers)
            taken = self._ready[:most]
            self._ready = self._ready[most:]
            # What is taken is not pending until the record says so: nothing is made meanwhile.
            if taken:
                self._order = None
            return [each.candidate for each in taken]

    def wait(self, seconds: float) -> bool:
        """Wait so long at most for a candidate, and say whether there is news.

        Raises:
            Exception: Whatever the sampler raised.
        """
        with self._changed:
            self._changed.wait_for(self._has_news, seconds)
            if self._error is not None:
                raise self._error
            return self._has_news()

    def _has_news(self) -> bool:
        silent = self._order is not None and self._answered is self._order
        return bool(self._ready) or self._error is not None or silent

    def _drop_outdated(self, study: Study, trials: Sequence[Trial], workers: int) -> None:
        if not self._ready:
            return
        ended = _ended(trials)
        # The sampler knew all trials before.
        since = trials[min(each.known for each in self._ready) :]
        tried = {key(parameters) for parameters in tried_parameters(since)}
        # What takes a trial further has its parameters.
        continued = {trial.continues for trial in since}
        self._ready = [
            each
            for each in self._ready
            if each.study == study
            and ended - each.ended <= workers
            and (
                key(each.candidate.parameters) not in tried
                if each.candidate.continues is None
                else each.candidate.continues not in continued
            )
        ]

    def _is_due(self) -> bool:
        if self._closed:
            return True
        order = self._order
        return order is not None and order is not self._answered and len(self._ready) < order.count

    def _work(self) -> None:
        with suppress(_AbandonedError):
            while True:
                with self._changed:
                    self._changed.wait_for(self._is_due)
                    order = self._order
                    if self._closed or order is None:
                        return
                    pending = [announced(each.candidate) for each in self._ready]
                    self._is_making = True
                self._make(order, pending)

    def _make(self, order: _Order, pending: Sequence[Trial]) -> None:
        began = time.monotonic()
        known = [*order.trials, *pending]
        try:
            candidates = next_candidates(self._sampler, order.study, known, 1, self.seed)
        # A sampler may be foreign code; whatever it raises belongs to whoever waits for it.
        except (Exception, SystemExit) as error:
            _LOGGER.debug("a proposal failed", exc_info=True)
            with self._changed:
                self._is_making = False
                self._error = error
                self._closed = True
                self._changed.notify_all()
            return
        with self._changed:
            self._is_making = False
            self._seconds.append(time.monotonic() - began)
            made_from = order.study, len(order.trials), _ended(order.trials)
            self._ready += [_Made(each, *made_from) for each in candidates]
            if not candidates:
                self._answered = order
            self._changed.notify_all()


def stock(workers: int, seconds: Sequence[float], typical: float) -> int:
    """Return how many candidates to have ready: as many as each save more than they cost.

    Args:
        workers: How many trials run at once.
        seconds: That the last proposals took.
        typical: Seconds of a trial.
    """
    if workers < 2 or not seconds or math.isinf(typical):
        return 0
    ratio = max(fmean(seconds), _INSTANT) / max(typical, _INSTANT)
    wait = (waiting(workers, count, ratio) for count in range(workers + 1))
    savings = (less - more for less, more in pairwise(wait))
    return next((count for count, saved in enumerate(savings) if saved < WORTH), workers)


def waiting(workers: int, stock: int, ratio: float) -> float:
    """Return how many workers wait for the search on average.

    Workers, and candidates in stock, are machines and spares, and the search is the one who repairs
    them: n orders are open with a probability that follows from that of n - 1.

    Source: Taylor and Jackson, "An application of the birth and death process to the provision of
    spare machines", Operational Research Quarterly 5 (1954).

    Args:
        workers: How many trials run at once.
        stock: How many candidates there are when no order is open.
        ratio: Time of a proposal over that of a trial.
    """
    # Of a thousand workers the products would be larger than any float.
    steps = (math.log(ratio * min(workers, still)) for still in range(workers + stock, 0, -1))
    logarithms = [0.0, *accumulate(steps)]
    largest = max(logarithms)
    chances = [math.exp(each - largest) for each in logarithms]
    short = sum((n - stock) * chance for n, chance in enumerate(chances) if n > stock)
    return short / sum(chances)


def typical_seconds(trials: Sequence[Trial]) -> float:
    """Return the median duration of a completed trial, infinity where there is none."""
    durations = [
        (trial.ended - trial.started).total_seconds()
        for trial in trials[-_LATEST:]
        if trial.state is TrialState.COMPLETED and trial.started and trial.ended
    ]
    return median(durations) if durations else math.inf


def _ended(trials: Sequence[Trial]) -> int:
    return sum(trial.ended is not None for trial in trials)
