"""A run of a study, from its first trial to its front."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from moopt.executors.in_process import InProcessExecutor
from moopt.executors.jobs import Jobs
from moopt.front.front import front_of
from moopt.loop.held_out import measure_front
from moopt.loop.history import History
from moopt.loop.progress import Ended, Progress, Run, ignore_progress
from moopt.loop.search import Search
from moopt.loop.session import Session
from moopt.loop.stopping import StopLevel, Stopping, go_on, stopped_by_signals
from moopt.protocols import Executor, Sampler
from moopt.samplers.proposer import Proposer
from moopt.samplers.registry import sampler_named
from moopt.store.drivers import LEASE_SECONDS, Watch
from moopt.store.store import Store
from moopt.study.evaluation import Evaluator
from moopt.study.study import Study


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
    lease_seconds: float = LEASE_SECONDS,
    observe: Callable[[Progress], None] = ignore_progress,
    stop: Callable[[], StopLevel] = go_on,
) -> Run:
    """Search for the front of a study, going on from what the store has of it.

    Ctrl-C lets running trials finish and then ends the run. Ctrl-C once more, or SIGTERM, ends them
    at once; they are done first the next time. In another thread than the main one only `stop` is
    asked.

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
        lease_seconds: How long this run may be silent before others take over its trials.
        observe: Called whenever something changed, and once a second.
        stop: Says how urgently the run is to end; asked at least once a second while trials run
            elsewhere.

    Raises:
        EvaluationError: The evaluator returned something other than the study asks for.
        StudyError: The store has another study of this name.
        SelectionError: There is no sampler of that name.
    """
    chosen = sampler_named(sampler) if isinstance(sampler, str) else sampler
    with ExitStack() as stack:
        book = store or stack.enter_context(Store("sqlite://"))
        folder = Path(directory) / study.name
        place = executor or stack.enter_context(
            closing(InProcessExecutor(evaluate, held_out=held_out, directory=folder))
        )
        book.register(study)
        stopping = Stopping(stop)
        history = History(book, study, Watch(lease_seconds))
        session = Session(book, history, Jobs(place), trials, time_limit, observe, stopping)
        search = Search(session, stack.enter_context(closing(Proposer(chosen, seed))))
        stack.enter_context(session.heartbeat())
        stack.enter_context(stopped_by_signals(stopping, session.tell))
        ended = _run(search, measures=held_out is not None)
        return Run(front_of(session.history.study, book.trials(study.name)), ended)


def _run(search: Search, *, measures: bool) -> Ended:
    """Search, measure the front on held-out data where that is wanted, and say why it ended."""
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
