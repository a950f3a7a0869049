"""The search: start trials where there is room, record what has ended, propose in advance."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from moopt.errors import MooptError, StateError
from moopt.loop.mistakes import Mistakes
from moopt.loop.progress import Ended, Phase
from moopt.loop.retention import Retention
from moopt.loop.session import POLL_SECONDS, Session
from moopt.loop.stopping import StopLevel
from moopt.samplers.proposer import Proposer
from moopt.store.recording import record
from moopt.study.evaluation import Split
from moopt.study.trials import Trial, TrialState

_BRIEF_SECONDS = 0.02
"""Longest wait for the search before a run looks whether a trial has ended."""


@dataclass
class Search:
    """One run's search, until its study has its trials."""

    session: Session
    proposer: Proposer
    retention: Retention
    mistakes: Mistakes = field(init=False)
    starts: bool = False
    """Further trials may be started."""

    starved: bool = False
    """A worker is free and there is no candidate for it."""

    _ordered: Sequence[Trial] | None = None
    """The trials that were known when candidates were last asked for."""

    _exhausted: Sequence[Trial] | None = None
    """Those to which the sampler knew no further candidate."""

    def __post_init__(self) -> None:
        session = self.session
        self.mistakes = Mistakes(session.store, session.history.study.name)

    @property
    def exhausted(self) -> bool:
        """Whether the sampler knows no further candidate, for the trials that there are.

        When more have ended it may: a trial that can be taken further.
        """
        return self._exhausted is self.session.history.trials

    def run(self) -> Ended:
        """Run trials until there are enough, and say why it ended.

        Raises:
            EvaluationError: The evaluator needs mending: the first trials of this run all fail by
                its mistakes.
        """
        session, jobs = self.session, self.session.jobs
        while True:
            session.catch_up()
            level = session.level()
            self.starts = level is StopLevel.GO_ON and not session.is_late
            if not jobs and session.limits.are_reached(
                session.history.study, session.history.trials
            ):
                return Ended.DONE
            if level is StopLevel.STOP or (not jobs and level is StopLevel.DRAIN):
                return Ended.INTERRUPTED
            if not jobs and not self.starts:
                return Ended.TIME_LIMIT
            if self.starts and self._fill():
                continue
            unended = session.history.count({TrialState.PROPOSED, TrialState.RUNNING})
            if self.exhausted and not jobs and not unended:
                return Ended.EXHAUSTED
            if self._record_ended(0.0):
                self._tidy()
                continue
            if self.starts and self.starved:
                self._await_candidate()
            elif self._record_ended(POLL_SECONDS):
                self._tidy()

    def leave(self) -> None:
        """Record what has ended, stop the rest and hand it back."""
        session, self.starts = self.session, False
        # On the way out, an outcome that cannot be recorded is one to be measured again.
        with suppress(MooptError):
            if session.phase is Phase.SEARCH:
                self._record_ended(0.0)
        session.jobs.stop()

    def _fill(self) -> bool:
        """Start trials where there is room, and say whether to look again at once."""
        history, jobs, limits = self.session.history, self.session.jobs, self.session.limits
        room = limits.room(history.study, history.trials)
        first = limits.first(history.study, history.trials)[: jobs.free]
        for trial in first:
            self._start(trial)
        free = min(jobs.free, room.most)
        self.starved = free > 0 and not self.exhausted
        if first or self._start_new(min(free, room.surely)):
            return True
        self._order(free, room.most)
        return False

    def _start_new(self, room: int) -> bool:
        """Start candidates that are ready, and say whether there were any."""
        if room < 1 or self.exhausted:
            return False
        session, history = self.session, self.session.history
        candidates = self.proposer.take(
            history.study, history.trials, workers=session.jobs.capacity, most=room
        )
        for number, candidate in enumerate(candidates, start=len(history.trials)):
            try:
                trial = session.store.add(
                    history.study.name,
                    candidate,
                    self.proposer.seed,
                    number=number,
                    driver=session.driver.name,
                )
            except StateError:
                # Another driver has added trials since: ask again, knowing of them.
                history.changed()
                break
            session.start_job(trial, Split.SEARCH)
            history.changed()
        return bool(candidates)

    def _order(self, room: int, most: int) -> None:
        """Have candidates made for the workers that are free and in advance."""
        if self.exhausted:
            return
        history = self.session.history
        self._ordered = history.trials
        self.proposer.order(
            history.study,
            history.trials,
            workers=self.session.jobs.capacity,
            free=room,
            most=most,
        )

    def _await_candidate(self) -> None:
        """Wait for a candidate, until a trial has ended, or for so long that one looks around."""
        end = time.monotonic() + POLL_SECONDS
        while not self.proposer.wait(_BRIEF_SECONDS):
            if self._record_ended(0.0) or time.monotonic() >= end:
                return
            if self.session.stopping.latest is not StopLevel.GO_ON:
                return
        if self.proposer.exhausted:
            self._exhausted = self._ordered

    def _start(self, trial: Trial) -> None:
        session = self.session
        # Another driver on this store may have taken it.
        with suppress(StateError):
            started = session.store.start(
                session.history.study.name, trial.number, driver=session.driver.name
            )
            session.start_job(started, Split.SEARCH)
        session.history.changed()

    def _record_ended(self, seconds: float) -> bool:
        """Wait so long at most, record what has ended, and say whether anything has."""
        session = self.session
        any_ended = False
        for trial, evaluation in session.jobs.ended(seconds):
            try:
                # A candidate that is ready need not wait until the outcome is recorded.
                if not any_ended:
                    self._start_ready()
            finally:
                any_ended = True
                session.history.changed()
                judged = record(session.store, session.history.study, trial, evaluation)
                self.mistakes.look_at(trial, judged)
        return any_ended

    def _tidy(self) -> None:
        """Delete checkpoints that nobody needs, by the newest state of the record."""
        history = self.session.history
        history.take_in_changes()
        self.retention.tidy(history.study, history.trials)

    def _start_ready(self) -> None:
        """Start a candidate that is ready where a trial has ended just now."""
        session, history = self.session, self.session.history
        surely = session.limits.room(history.study, history.trials).surely
        room = min(1, session.jobs.free, surely)
        goes_on = session.stopping.latest is StopLevel.GO_ON and not session.is_late
        if self.starts and goes_on and not history.count({TrialState.PROPOSED}):
            self._start_new(room)
