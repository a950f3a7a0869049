"""The search: start trials where there is room, record what has ended, propose in advance."""

from contextlib import suppress
from dataclasses import dataclass

from moopt.errors import MooptError, StateError
from moopt.loop.progress import ENDED_STATES, Ended, Phase
from moopt.loop.session import POLL_SECONDS, Session
from moopt.samplers.proposer import Proposer
from moopt.store.heartbeat import LEASE_SECONDS
from moopt.store.recording import record
from moopt.study.evaluation import Split
from moopt.study.trials import Trial, TrialState


@dataclass
class Search:
    """One run's search, until its study has its trials."""

    session: Session
    proposer: Proposer
    exhausted: bool = False

    def run(self) -> Ended:
        """Run trials until there are enough, and say why it ended.

        Raises:
            EvaluationError: The evaluator returned something other than the study asks for.
        """
        session, jobs = self.session, self.session.jobs
        while True:
            session.catch_up()
            late = session.is_late
            if not jobs and session.history.count(ENDED_STATES) >= session.target:
                return Ended.DONE
            if not jobs and late:
                return Ended.TIME_LIMIT
            if not late and self._fill():
                continue
            unended = session.history.count({TrialState.PROPOSED, TrialState.RUNNING})
            if self.exhausted and not jobs and not unended:
                return Ended.EXHAUSTED
            if self._record_ended(0.0):
                continue
            if not late:
                self._prepare()
            self._record_ended(POLL_SECONDS)

    def leave(self) -> None:
        """Record what has ended, stop the rest and hand it back."""
        session = self.session
        # On the way out, an outcome that cannot be recorded is one to be measured again.
        with suppress(MooptError):
            if session.phase is Phase.SEARCH:
                self._record_ended(0.0)
        session.jobs.stop()
        session.store.release(session.driver)

    def _fill(self) -> bool:
        """Start trials where there is room, and say whether to look again at once."""
        session, history, jobs = self.session, self.session.history, self.session.jobs
        taken = history.count(ENDED_STATES | {TrialState.RUNNING})
        waiting = [trial for trial in history.trials if trial.state is TrialState.PROPOSED]
        for trial in waiting[: max(0, min(jobs.free, session.target - taken))]:
            self._start(trial)
        wanted = min(jobs.free, session.target - taken - len(waiting))
        if wanted <= 0 or self.exhausted:
            return False
        if waiting:
            session.catch_up(now=True)
        candidates = self.proposer.ready(history.study, history.trials, jobs.capacity, wanted)
        if not candidates:
            candidates = self.proposer.propose(history.study, history.trials, wanted)
            self.exhausted = len(candidates) < wanted
        for number, candidate in enumerate(candidates, start=len(history.trials)):
            try:
                trial = session.store.add(
                    history.study.name, candidate, self.proposer.seed, number=number
                )
            except StateError:
                # Another driver has added trials since: ask again, knowing of them.
                self.exhausted = False
                history.changed()
                return True
            self._start(trial)
        return len(candidates) < wanted and not self.exhausted

    def _prepare(self) -> None:
        """Propose in advance while every worker is busy."""
        session, history, jobs = self.session, self.session.history, self.session.jobs
        if jobs.free > 0 or self.exhausted:
            return
        session.catch_up()
        taken = history.count(ENDED_STATES | {TrialState.PROPOSED, TrialState.RUNNING})
        most = session.target - taken
        self.proposer.prepare(history.study, history.trials, jobs.capacity, most)

    def _start(self, trial: Trial) -> None:
        session = self.session
        # Another driver on this store may have taken it.
        with suppress(StateError):
            started = session.store.start(
                session.history.study.name,
                trial.number,
                driver=session.driver,
                lease_seconds=LEASE_SECONDS,
            )
            session.start_job(started, Split.SEARCH)
        session.history.changed()

    def _record_ended(self, seconds: float) -> bool:
        """Wait so long at most, record what has ended, and say whether anything has."""
        session = self.session
        any_ended = False
        for trial, evaluation in session.jobs.ended(seconds):
            any_ended = True
            session.history.changed()
            record(session.store, session.history.study, trial, evaluation)
        return any_ended
