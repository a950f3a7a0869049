"""Which outcome of a trial counts, and what the record says of it."""

from collections.abc import Iterator

import pytest

from moopt.errors import SelectionError, StateError
from moopt.store.drivers import Watch
from moopt.store.events import Event
from moopt.store.recording import record, record_report
from moopt.store.reports import PartialResult
from moopt.store.store import Store
from moopt.store.studies import StopRequest
from moopt.study.evaluation import Evaluation, Report
from moopt.study.trials import Failure, FailureCause, FailureKind, Measurement, Trial, TrialState
from moopt.study.usage import Usage
from tests.store.test_store import CANDIDATE, STUDY

GOOD = {"accuracy": Measurement(0.9), "latency": Measurement(3.0)}
OTHER = {"accuracy": Measurement(0.1), "latency": Measurement(5.0)}
LOST = Failure(FailureKind.INFRASTRUCTURE, "the worker was ended", FailureCause.WORKER_KILLED)
BAD = Failure(FailureKind.CANDIDATE, "RuntimeError: no", FailureCause.ERROR)
USAGE = Usage(2.5, 1.25, 0.5, 10**10, None, "host", "cuda:0")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        opened.register(STUDY)
        yield opened


def started(store: Store, driver: str = "a") -> Trial:
    return store.add("spam", CANDIDATE, 0, driver=driver)


def taken_over(store: Store) -> tuple[Trial, Trial]:
    """Return the attempt of a driver that fell silent, and that of the one that took over."""
    first = started(store)
    assert store.reclaim("spam", Watch(0.0)) == [first.number]
    return first, store.start("spam", first.number, driver="b")


def causes(store: Store) -> list[str]:
    return [event.cause for event in store.events("spam")]


def test_the_late_measurement_of_a_driver_that_fell_silent_counts(store: Store) -> None:
    first, second = taken_over(store)

    record(store, STUDY, first, Evaluation({"accuracy": 0.9, "latency": 3.0}, USAGE))

    trial = store.trials("spam")[0]
    assert (trial.state, trial.measurements) == (TrialState.COMPLETED, GOOD)
    assert trial.usage == USAGE
    record(store, STUDY, second, Evaluation({"accuracy": 0.1, "latency": 5.0}))
    assert store.trials("spam")[0] == trial
    assert causes(store).count("measured") == 1


def test_a_measurement_counts_that_comes_before_anybody_took_over(store: Store) -> None:
    first = started(store)
    store.reclaim("spam", Watch(0.0))

    record(store, STUDY, first, Evaluation({"accuracy": 0.9, "latency": 3.0}))

    assert store.trials("spam")[0].state is TrialState.COMPLETED
    with pytest.raises(StateError, match="needs to be proposed"):
        store.start("spam", 0, driver="b")


def test_the_late_failure_of_a_driver_that_fell_silent_does_not_count(store: Store) -> None:
    first, second = taken_over(store)

    record(store, STUDY, first, Evaluation(BAD))
    record(store, STUDY, first, Evaluation(LOST))

    assert store.trials("spam")[0].state is TrialState.RUNNING
    record(store, STUDY, second, Evaluation(BAD, USAGE))
    trial = store.trials("spam")[0]
    assert (trial.state, trial.failure, trial.usage) == (TrialState.FAILED, BAD, USAGE)


def test_a_trial_that_was_never_started_has_no_measurement(store: Store) -> None:
    store.add("spam", CANDIDATE, 0)

    with pytest.raises(StateError, match="needs to be running for this, it is proposed"):
        store.complete("spam", 0, GOOD)


def test_a_trial_that_loses_three_workers_has_failed(store: Store) -> None:
    trial = started(store)
    for _ in range(2):
        record(store, STUDY, trial, Evaluation(LOST))
        trial = store.start("spam", 0, driver="a")
    # Being interrupted is no loss.
    store.hand_back("spam", 0, "interrupted")
    trial = store.start("spam", 0, driver="a")
    record(store, STUDY, trial, Evaluation(LOST))

    failed = store.trials("spam")[0]
    assert (failed.state, failed.failure, failed.attempts) == (TrialState.FAILED, LOST, 4)


def test_a_measurement_counts_after_all_workers_were_taken_for_lost(store: Store) -> None:
    trial = started(store)
    for _ in range(3):
        store.lose("spam", 0, LOST)
        if store.trials("spam")[0].state is TrialState.PROPOSED:
            store.start("spam", 0, driver="a")
    assert store.trials("spam")[0].state is TrialState.FAILED

    record(store, STUDY, trial, Evaluation({"accuracy": 0.9, "latency": 3.0}))

    completed = store.trials("spam")[0]
    assert (completed.state, completed.failure) == (TrialState.COMPLETED, None)


def test_failed_trials_get_another_chance(store: Store) -> None:
    started(store)
    store.fail("spam", 0, BAD)
    started(store)
    store.fail("spam", 1, Failure(FailureKind.TIMEOUT, "too long"))

    assert store.retry("spam") == [1]
    assert store.retry("spam", [0]) == [0]

    assert [trial.state for trial in store.trials("spam")] == [TrialState.PROPOSED] * 2
    assert store.trials("spam")[0].failure is None
    with pytest.raises(StateError, match="needs to be failed for this, it is proposed"):
        store.retry("spam", [0])
    with pytest.raises(SelectionError, match="no trial 9"):
        store.retry("spam", [9])


def test_a_retry_of_which_one_cannot_be_changes_nothing(store: Store) -> None:
    started(store)
    store.fail("spam", 0, BAD)

    with pytest.raises(SelectionError, match="no trial 9"):
        store.retry("spam", [0, 9])
    assert store.trials("spam")[0].state is TrialState.FAILED


def test_every_change_is_an_event_with_its_cause(store: Store) -> None:
    first, _ = taken_over(store)
    record(store, STUDY, first, Evaluation({"accuracy": 0.9, "latency": 3.0}))
    store.record_held_out("spam", 0, OTHER)

    events = store.events("spam")
    assert [(each.state and each.state.value, each.cause) for each in events] == [
        ("proposed", "proposed"),
        ("running", "started by a"),
        ("proposed", "lost: driver a said nothing for 0 s"),
        ("running", "started by b"),
        ("completed", "measured"),
        ("completed", "measured on held-out data"),
    ]
    assert [each.revision for each in events] == sorted(each.revision for each in events)
    assert all(isinstance(each, Event) and each.number == 0 for each in events)
    assert store.events("spam", count=2) == events[-2:]
    assert store.events("spam", number=7) == []


def test_only_what_has_changed_is_read_again(store: Store) -> None:
    for _ in range(3):
        started(store)
    revision, trials = store.changed("spam")
    assert len(trials) == 3

    assert store.changed("spam", since=revision) == (revision, [])
    store.complete("spam", 1, GOOD)
    later, changed = store.changed("spam", since=revision)
    assert later > revision
    assert [(trial.number, trial.measurements) for trial in changed] == [(1, GOOD)]
    store.record_held_out("spam", 1, OTHER)
    assert store.changed("spam", since=later)[1][0].held_out == OTHER


def test_partial_results_are_kept_by_attempt(store: Store) -> None:
    first, second = taken_over(store)
    record_report(store, STUDY, first, Report(1.0, {"accuracy": (0.5, 0.1)}))
    record_report(store, STUDY, second, Report(1.0, {"accuracy": 0.6}))
    record_report(store, STUDY, second, Report(2.0, {"accuracy": 0.7, "latency": 3}))
    record_report(store, STUDY, second, Report(2.0, {"accuracy": 0.8}))

    kept = store.reports("spam")

    assert [(each.number, each.attempt, each.fidelity, each.measurements) for each in kept] == [
        (0, 1, 1.0, {"accuracy": Measurement(0.5, 0.1)}),
        (0, 2, 1.0, {"accuracy": Measurement(0.6)}),
        (0, 2, 2.0, {"accuracy": Measurement(0.8)}),
    ]
    with pytest.raises(SelectionError, match="no trial 5"):
        store.report("spam", PartialResult(5, 1, 1.0, GOOD, kept[0].time))


def test_drivers_are_asked_to_stop_from_then_on(store: Store) -> None:
    before = store.revision("spam")
    assert store.stop_asked("spam", since=before) is None

    store.ask_to_stop("spam", at_once=False)
    assert store.stop_asked("spam", since=before) is StopRequest.WHEN_TRIALS_END
    store.ask_to_stop("spam", at_once=True)
    assert store.stop_asked("spam", since=before) is StopRequest.AT_ONCE

    assert store.stop_asked("spam", since=store.revision("spam")) is None
