"""A run of a study, from its first trial to its front."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from moopt.errors import SelectionError, StudyError
from moopt.executors.in_process import InProcessExecutor
from moopt.executors.jobs import Jobs
from moopt.front.front import front_of
from moopt.loop.earlier_studies import sources_of_run
from moopt.loop.early_stopping import EarlyStopping
from moopt.loop.held_out import measure_front
from moopt.loop.history import History
from moopt.loop.limits import Limits
from moopt.loop.progress import Ended, Progress, Run, ignore_progress
from moopt.loop.retention import Retention
from moopt.loop.search import Search
from moopt.loop.session import Session
from moopt.loop.stagnation import StagnationWatch, watched
from moopt.loop.stopping import StopLevel, Stopping, go_on, stopped_by_signals
from moopt.protocols import Executor, Sampler, StoppingRule
from moopt.samplers.budgets import told_the_budget
from moopt.samplers.proposer import Proposer
from moopt.samplers.registry import sampler_named
from moopt.samplers.sources import require_learner, told_sources
from moopt.store.drivers import LEASE_SECONDS, Watch
from moopt.store.store import Store
from moopt.study.evaluation import Evaluator
from moopt.study.source import Source
from moopt.study.study import Study


def optimize(
    study: Study,
    evaluate: Evaluator,
    *,
    trials: int | None = None,
    budget: float | None = None,
    sampler: Sampler | str = "auto",
    transfer_from: Sequence[Source | str] = (),
    stopping_rule: StoppingRule | None = None,
    executor: Executor | None = None,
    held_out: Evaluator | None = None,
    store: Store | None = None,
    directory: Path | str = "moopt_trials",
    keep_checkpoints: int | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    stop_when_stagnant: float | None = None,
    lease_seconds: float = LEASE_SECONDS,
    observe: Callable[[Progress], None] = ignore_progress,
    stop: Callable[[], StopLevel] = go_on,
) -> Run:
    """Search for the front of a study, going on from what the store has of it.

    Args:
        study: What to search.
        evaluate: Measures a trial, in this process. An executor of one's own brings its own.
        trials: How many shall have ended, over all runs and at any fidelity. None: any number.
        budget: What they may cost in all runs, in whole evaluations: see `Limits`. None: no limit.
        sampler: What proposes, or its name.
        transfer_from: Earlier studies to learn from, or names of some in the store, once for all.
        stopping_rule: Says after each report whether a trial is to end early. None: none is.
        executor: Where trials run; stays open. None: in this process, one by one.
        held_out: Measures on data that the search never sees. None: the front is not measured so.
        store: Where it is recorded; stays open. None: in memory, gone afterwards.
        directory: Holds a folder for each study, and that one for each trial.
        keep_checkpoints: Of how many trials: see `Retention`. None: all.
        seed: Equal seeds give equal candidates where trials run one after the other.
        time_limit: Seconds after which none is started any more. None: no limit.
        stop_when_stagnant: Percent of hypervolume: see `StagnationWatch`. None: no such end.
        lease_seconds: How long this run may be silent before others take over its trials.
        observe: Called whenever something changed, and once a second.
        stop: Says once a second how urgently to end. Ctrl-C does too: see `stopped_by_signals`.

    Raises:
        EvaluationError: The first trials of this run all failed by mistakes of the evaluator.
        StudyError: The store has another study of this name, or one to learn from does not match.
        SelectionError: No such sampler, or it learns from none; no end, or no percentage above 0.
    """
    limits = limits_of(study, Limits(trials, budget), time_limit, stopping_rule)
    watch = None if stop_when_stagnant is None else StagnationWatch(stop_when_stagnant)
    named = _named(sampler, budget, learns=bool(transfer_from))
    here = _Here(study, evaluate, held_out, Path(directory) / study.name)
    with here.opened(store, executor) as (book, place):
        chosen = watched(told_sources(named, sources_of_run(book, study, transfer_from)), watch)
        history = History(book, study, Watch(lease_seconds))
        jobs = Jobs(place, EarlyStopping(history, stopping_rule).stops)
        session = Session(book, history, jobs, limits, time_limit, observe, Stopping(stop))
        kept = Retention(here.directory, keep_checkpoints)
        return _run(Search(session, Proposer(chosen, seed), kept), watch, measures=bool(held_out))


def _named(sampler: Sampler | str, budget: float | None, *, learns: bool) -> Sampler:
    named = sampler_named(sampler) if isinstance(sampler, str) else sampler
    if learns:
        require_learner(named)
    return told_the_budget(named, budget)


@dataclass(frozen=True, slots=True)
class _Here:
    """What there is to run trials with in this process."""

    study: Study
    evaluate: Evaluator
    held_out: Evaluator | None
    directory: Path

    @contextmanager
    def opened(
        self, store: Store | None, executor: Executor | None
    ) -> Iterator[tuple[Store, Executor]]:
        """Give a store that has the study, and an executor; close what the caller has not given."""
        with ExitStack() as stack:
            book = store or stack.enter_context(Store("sqlite://"))
            if executor is None:
                executor = InProcessExecutor(
                    self.evaluate, held_out=self.held_out, directory=self.directory
                )
                stack.enter_context(closing(executor))
            book.register(self.study)
            yield book, executor


def limits_of(
    study: Study, limits: Limits, time_limit: float | None, rule: StoppingRule | None
) -> Limits:
    """Return the limits of a run that has an end, and whose trials can have an early one if asked.

    Raises:
        SelectionError: Nothing says when to end.
        StudyError: The study has no fidelity before which a trial could end.
    """
    if limits == Limits() and time_limit is None:
        raise SelectionError("a run needs an end: give trials, budget or time_limit")
    if rule is not None and study.fidelity is None:
        raise StudyError(
            f"study {study.name!r} has no fidelity, so its trials cannot be stopped early; give it "
            "one, such as Fidelity('epochs', low=1, high=9), or leave the stopping rule out"
        )
    return limits


def _run(search: Search, watch: StagnationWatch | None, *, measures: bool) -> Run:
    """Search, measure the front on held-out data where that is wanted, and say what came of it."""
    session = search.session
    with (
        closing(search.proposer),
        session.heartbeat(),
        stopped_by_signals(session.stopping, session.tell),
    ):
        ended = _search(search, measures=measures)
        if ended is Ended.EXHAUSTED and watch is not None and watch.is_stagnant:
            ended = Ended.STAGNANT
        study = session.history.study
        front = front_of(study, session.store.trials(study.name))
        return Run(front, ended, None if watch is None else watch.bound)


def _search(search: Search, *, measures: bool) -> Ended:
    """Search and measure, and say why it ended."""
    session = search.session
    try:
        ended = search.run()
        if measures and ended is not Ended.INTERRUPTED and not measure_front(session):
            return Ended.INTERRUPTED
    except KeyboardInterrupt:
        return Ended.TERMINATED if session.stopping.terminated else Ended.INTERRUPTED
    else:
        return ended
    finally:
        search.leave()
