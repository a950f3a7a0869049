"""The loop: propose, start, wait, record; and propose in advance while there is only waiting.

Only here a sampler, an executor and a store are known at once. What is to be remembered lies in the
store, so a loop that was killed at any moment goes on where the record ends.
"""

import enum
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from moopt.errors import MooptError, StateError
from moopt.executors.in_process import InProcessExecutor
from moopt.executors.jobs import Jobs
from moopt.front.front import Front, front_of
from moopt.protocols import Executor, Sampler
from moopt.samplers.proposer import Proposer
from moopt.samplers.registry import sampler_named
from moopt.store.drivers import new_driver
from moopt.store.heartbeat import LEASE_SECONDS, Heartbeat
from moopt.store.recording import record, record_held_out
from moopt.store.references import with_stored_references
from moopt.store.store import Store
from moopt.study.evaluation import Evaluator, Split
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState

ENDED_STATES = frozenset({TrialState.COMPLETED, TrialState.FAILED, TrialState.STOPPED})
_POLL_SECONDS = 1.0
_REREAD_SECONDS = 2.0


class Ended(enum.Enum):
    """Why a run ended."""

    DONE = "done"
    EXHAUSTED = "exhausted"
    """Every point of the space was tried."""

    TIME_LIMIT = "time limit"
    INTERRUPTED = "interrupted"


class Phase(enum.StrEnum):
    """What a run is busy with."""

    SEARCH = "search"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    study: Study
    """With the references that were inferred by now."""

    trials: Sequence[Trial]
    """Of all runs of the study."""

    running: int
    """Jobs of this run that are being measured."""

    capacity: int
    """How many could be."""

    target: int
    """Trials to be had, those of earlier runs among them."""

    phase: Phase
    elapsed: float
    """Seconds since this run began."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to."""

    front: Front
    ended: Ended


def ignore_progress(progress: Progress) -> None:
    """Take how far a run is and do nothing with it."""


def optimize(
    study: Study,
    evaluate: Evaluator,
    *,
    trials: int,
    sampler: Sampler | str = "auto",
    executor: Executor | None = None,
    held_out: Evaluator | None = None,
    store: Store | None = None,
    directory: Path | str = "moopt_trials",
    seed: int = 0,
    time_limit: float | None = None,
    observe: Callable[[Progress], None] = ignore_progress,
) -> Run:
    """Search for the front of a study, going on from what the store has of it.

    Ctrl-C ends the run in order: its running trials are stopped and done first the next time.

    Args:
        study: What to search.
        evaluate: Measures a trial, in this process. An executor of one's own brings its own.
        trials: How many trials there shall be in the end, over all runs of the study.
        sampler: What proposes, or its name.
        executor: Where trials run; stays open. None: in this process, one after the other.
        held_out: Measures a trial on data that the search never sees. None: the front is not
            measured again.
        store: Where it is recorded; stays open. None: in memory, gone afterwards.
        directory: Folder for the folders of the trials, used where no executor is given.
        seed: Equal seeds give equal candidates where trials run one after the other.
        time_limit: Seconds after which no further trial is started. None: no limit.
        observe: Called whenever something changed, and once a second.

    Raises:
        EvaluationError: The evaluator returned something other than the study asks for.
        StudyError: The store has another study of this name.
        SelectionError: There is no sampler of that name.
    """
    chosen = sampler_named(sampler) if isinstance(sampler, str) else sampler
    with ExitStack() as stack:
        book = store or stack.enter_context(Store("sqlite://"))
        place = executor or stack.enter_context(
            closing(
                InProcessExecutor(
                    evaluate, held_out=held_out, directory=Path(directory) / study.name
                )
            )
        )
        book.register(study)
        proposer = Proposer(chosen, seed)
        loop = _Loop(study, proposer, Jobs(place), book, trials, time_limit, observe)
        stack.enter_context(Heartbeat(book, loop.driver))
        try:
            ended = loop.search()
            if held_out is not None:
                loop.measure_front()
        except KeyboardInterrupt:
            ended = Ended.INTERRUPTED
        finally:
            loop.leave()
        return Run(front_of(loop.study, book.trials(study.name)), ended)


@dataclass
class _Loop:
    """One run: what it works with, and the jobs that it has started."""

    study: Study
    proposer: Proposer
    jobs: Jobs
    store: Store
    target: int
    time_limit: float | None
    observe: Callable[[Progress], None]
    phase: Phase = Phase.SEARCH
    exhausted: bool = False
    driver: str = field(default_factory=new_driver)
    began: float = field(default_factory=time.monotonic)
    read: float = -_REREAD_SECONDS
    history: list[Trial] = field(default_factory=list)

    def search(self) -> Ended:
        """Run trials until there are enough, and say why it ended."""
        while True:
            self._catch_up()
            late = self.time_limit is not None and self._elapsed() >= self.time_limit
            if not self.jobs and self._count(ENDED_STATES) >= self.target:
                return Ended.DONE
            if not self.jobs and late:
                return Ended.TIME_LIMIT
            if not late and self._fill():
                continue
            unended = self._count({TrialState.PROPOSED, TrialState.RUNNING})
            if self.exhausted and not self.jobs and not unended:
                return Ended.EXHAUSTED
            if self._record_ended(0.0):
                continue
            if not late:
                self._prepare()
            self._record_ended(_POLL_SECONDS)

    def measure_front(self) -> None:
        """Measure what is on the front on held-out data, where that was not done."""
        self.phase = Phase.HELD_OUT
        self._catch_up(now=True)
        front = front_of(self.study, self.history)
        waiting = [replace(trial, attempts=1) for trial in front.trials if not trial.held_out]
        while waiting or self.jobs:
            while waiting and self.jobs.free > 0:
                self._start_job(waiting.pop(0), Split.HELD_OUT)
            for trial, evaluation in self.jobs.ended(_POLL_SECONDS):
                self.read = -_REREAD_SECONDS
                if record_held_out(self.store, self.study, trial, evaluation):
                    waiting.append(replace(trial, attempts=trial.attempts + 1))
            self._catch_up()

    def leave(self) -> None:
        """Record what has ended, stop the rest and hand it back."""
        # On the way out, an outcome that cannot be recorded is one to be measured again.
        with suppress(MooptError):
            if self.phase is Phase.SEARCH:
                self._record_ended(0.0)
        self.jobs.stop()
        self.store.release(self.driver)

    def _catch_up(self, *, now: bool = False) -> None:
        """Read the record again when it has changed or may have, and tell the observer."""
        if now or time.monotonic() - self.read >= _REREAD_SECONDS:
            self.store.reclaim(self.study.name)
            self.history = self.store.trials(self.study.name)
            self.read = time.monotonic()
            self.study = with_stored_references(self.store, self.study, self.history)
        self._tell()

    def _fill(self) -> bool:
        """Start trials where there is room, and say whether to look again at once."""
        taken = self._count(ENDED_STATES | {TrialState.RUNNING})
        waiting = [trial for trial in self.history if trial.state is TrialState.PROPOSED]
        for trial in waiting[: max(0, min(self.jobs.free, self.target - taken))]:
            self._start(trial)
        wanted = min(self.jobs.free, self.target - taken - len(waiting))
        if wanted <= 0 or self.exhausted:
            return False
        if waiting:
            self._catch_up(now=True)
        candidates = self.proposer.ready(self.study, self.history, self.jobs.capacity, wanted)
        if not candidates:
            candidates = self.proposer.propose(self.study, self.history, wanted)
            self.exhausted = len(candidates) < wanted
        for number, candidate in enumerate(candidates, start=len(self.history)):
            try:
                trial = self.store.add(
                    self.study.name, candidate, self.proposer.seed, number=number
                )
            except StateError:
                # Another driver has added trials since: ask again, knowing of them.
                self.exhausted = False
                self.read = -_REREAD_SECONDS
                return True
            self._start(trial)
        return len(candidates) < wanted and not self.exhausted

    def _prepare(self) -> None:
        """Propose in advance while every worker is busy."""
        if self.jobs.free > 0 or self.exhausted:
            return
        self._catch_up()
        taken = self._count(ENDED_STATES | {TrialState.PROPOSED, TrialState.RUNNING})
        most = self.target - taken
        self.proposer.prepare(self.study, self.history, self.jobs.capacity, most)

    def _start(self, trial: Trial) -> None:
        # Another driver on this store may have taken it.
        with suppress(StateError):
            started = self.store.start(
                self.study.name, trial.number, driver=self.driver, lease_seconds=LEASE_SECONDS
            )
            self._start_job(started, Split.SEARCH)
        self.read = -_REREAD_SECONDS

    def _start_job(self, trial: Trial, split: Split) -> None:
        self._tell(starting=1)
        self.jobs.start(trial, split)

    def _record_ended(self, seconds: float) -> bool:
        """Wait so long at most, record what has ended, and say whether anything has."""
        any_ended = False
        for trial, evaluation in self.jobs.ended(seconds):
            any_ended = True
            self.read = -_REREAD_SECONDS
            record(self.store, self.study, trial, evaluation)
        return any_ended

    def _count(self, states: Collection[TrialState]) -> int:
        return sum(trial.state in states for trial in self.history)

    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _tell(self, *, starting: int = 0) -> None:
        self.observe(
            Progress(
                study=self.study,
                trials=tuple(self.history),
                running=len(self.jobs) + starting,
                capacity=self.jobs.capacity,
                target=self.target,
                phase=self.phase,
                elapsed=self._elapsed(),
            )
        )
