"""The last phase of a run: the front measured on data that the search has never seen."""

from dataclasses import replace

from moopt.front.front import front_of
from moopt.loop.progress import Phase
from moopt.loop.session import POLL_SECONDS, Session
from moopt.loop.stopping import StopLevel
from moopt.store.recording import record_held_out
from moopt.study.evaluation import Split


def measure_front(session: Session) -> bool:
    """Measure what is on the front on held-out data, where that was not done.

    Returns:
        Whether that was done to the end; it is not where the run is to stop.
    """
    session.phase = Phase.HELD_OUT
    session.catch_up(now=True)
    history, jobs = session.history, session.jobs
    front = front_of(history.study, history.trials)
    waiting = [replace(trial, attempts=1) for trial in front.trials if not trial.held_out]
    while waiting or jobs:
        level = session.level()
        if level is StopLevel.STOP or (not jobs and level is StopLevel.DRAIN):
            return False
        while waiting and jobs.free > 0 and level is StopLevel.GO_ON:
            session.start_job(waiting.pop(0), Split.HELD_OUT)
        for trial, evaluation in jobs.ended(POLL_SECONDS):
            history.changed()
            if record_held_out(session.store, history.study, trial, evaluation):
                waiting.append(replace(trial, attempts=trial.attempts + 1))
        session.catch_up()
    return True
