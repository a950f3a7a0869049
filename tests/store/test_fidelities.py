"""Trials that are stopped before their fidelity, and those that take others further."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from moopt.errors import SelectionError, StateError
from moopt.store.checking import problems
from moopt.store.database import Database
from moopt.store.recording import record, record_report
from moopt.store.store import Store
from moopt.study.evaluation import Evaluation, Report
from moopt.study.objectives import Fidelity, Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Candidate, FailureKind, Measurement, Trial, TrialState
from moopt.study.validation import Raw

STUDY = Study(
    "training",
    parameters=[Continuous("rate", 0.0, 1.0)],
    objectives=[Objective("gain", Maximize), Objective("cost", Minimize)],
    fidelity=Fidelity("epochs", low=1, high=9),
)
CANDIDATE = Candidate({"rate": 0.1}, fidelity=9.0)
SHORT = replace(CANDIDATE, fidelity=3.0)
MEASURED: dict[str, Raw] = {"gain": 0.5, "cost": (2.0, 0.1)}


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url = "sqlite://" if request.param == "memory" else request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        opened.register(STUDY)
        yield opened


def started(store: Store, candidate: Candidate = CANDIDATE) -> Trial:
    return store.add("training", candidate, 7, driver="d")


def test_a_stopped_trial_has_its_measurements_at_the_fidelity_that_it_came_to(
    store: Store,
) -> None:
    trial = started(store)

    record(store, STUDY, trial, Evaluation(Report(3.0, MEASURED)))

    (found,) = store.trials("training")
    assert (found.state, found.fidelity) == (TrialState.STOPPED, 3.0)
    assert found.measurements == {"gain": Measurement(0.5), "cost": Measurement(2.0, 0.1)}
    (event,) = store.events("training", count=1)
    assert (event.state, event.cause) == (
        TrialState.STOPPED,
        "measured, stopped early at fidelity 3",
    )


def test_a_report_at_the_fidelity_of_the_trial_completes_it(store: Store) -> None:
    trial = started(store, replace(CANDIDATE, fidelity=0.1 + 0.2))

    record(store, STUDY, trial, Evaluation(Report(0.3, MEASURED)))

    (found,) = store.trials("training")
    assert (found.state, found.fidelity) == (TrialState.COMPLETED, 0.1 + 0.2)


def test_a_stopped_trial_has_its_outcome(store: Store) -> None:
    trial = started(store)
    record(store, STUDY, trial, Evaluation(Report(3.0, MEASURED)))

    with pytest.raises(StateError, match="it is stopped"):
        store.complete("training", 0, {"gain": Measurement(1.0)})
    with pytest.raises(StateError, match="it is stopped"):
        store.hand_back("training", 0, "why not")
    assert store.retry("training") == []


@pytest.mark.parametrize("fidelity", [0.0, -1.0, 9.1, float("nan")])
def test_a_trial_cannot_end_at_a_fidelity_beyond_its_own(store: Store, fidelity: float) -> None:
    trial = started(store)

    record(store, STUDY, trial, Evaluation(Report(fidelity, MEASURED)))

    failure = store.trials("training")[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.EVALUATOR
    assert "above 0 and at most 9" in failure.message


def test_a_study_without_a_fidelity_has_no_early_ends(store: Store) -> None:
    trial = replace(started(store), fidelity=None)

    record(store, STUDY, trial, Evaluation(Report(3.0, MEASURED)))

    failure = store.trials("training")[0].failure
    assert failure is not None
    assert "a study that has no fidelity" in failure.message


def test_a_stopped_trial_with_measurements_is_in_order(tmp_path: object) -> None:
    path = f"{tmp_path}/moopt.db"
    with Store(path) as store:
        store.register(STUDY)
        record(store, STUDY, started(store), Evaluation(Report(3.0, MEASURED)))

    database = Database(path)
    assert problems(database) == []
    database.close()


def test_a_trial_that_takes_another_further_has_its_seed(store: Store) -> None:
    first, other = started(store, SHORT), started(store, SHORT)

    further = started(store, replace(CANDIDATE, continues=first.number))

    assert (further.continues, further.seed, further.fidelity) == (0, first.seed, 9.0)
    assert store.trials("training")[2] == further
    assert other.seed != first.seed


def test_a_stopped_trial_can_be_taken_further(store: Store) -> None:
    record(store, STUDY, started(store), Evaluation(Report(3.0, MEASURED)))

    assert started(store, replace(CANDIDATE, continues=0)).continues == 0


def test_a_trial_that_is_not_there_cannot_be_taken_further(store: Store) -> None:
    with pytest.raises(SelectionError, match="has no trial 4"):
        started(store, replace(CANDIDATE, continues=4))
    assert store.trials("training") == []


@pytest.mark.parametrize(
    "candidate",
    [
        Candidate({"rate": 0.2}, fidelity=9.0, continues=0),
        Candidate({"rate": 0.1}, fidelity=3.0, continues=0),
        Candidate({"rate": 0.1}, continues=0),
    ],
)
def test_only_the_same_point_is_taken_further_and_only_upwards(
    store: Store, candidate: Candidate
) -> None:
    started(store, SHORT)

    with pytest.raises(SelectionError, match="with its own parameters to a higher fidelity"):
        started(store, candidate)


def test_partial_results_come_with_the_trial(store: Store) -> None:
    trial = started(store)

    record_report(store, STUDY, trial, Report(3.0, {"gain": 0.2}))
    record_report(store, STUDY, trial, Report(1.0, {"gain": 0.1, "cost": (2.0, 0.5)}))

    (found,) = store.trials("training")
    assert found.partial == {
        1.0: {"gain": Measurement(0.1), "cost": Measurement(2.0, 0.5)},
        3.0: {"gain": Measurement(0.2)},
    }
    assert list(found.partial) == [1.0, 3.0]


def test_what_an_earlier_attempt_reported_does_not_count(store: Store) -> None:
    first = started(store)
    record_report(store, STUDY, first, Report(1.0, {"gain": 0.1}))
    store.hand_back("training", 0, "interrupted")

    second = store.start("training", 0, driver="e")

    assert store.trials("training")[0].partial == {}
    record_report(store, STUDY, second, Report(3.0, {"gain": 0.3}))
    record_report(store, STUDY, first, Report(9.0, {"gain": 0.9}))
    assert store.trials("training")[0].partial == {3.0: {"gain": Measurement(0.3)}}


def test_a_report_reaches_those_who_read_changes(store: Store) -> None:
    trial = started(store)
    started(store)
    revision, _ = store.changed("training")

    record_report(store, STUDY, trial, Report(1.0, {"gain": 0.1}))

    later, changed = store.changed("training", since=revision)
    assert later > revision
    assert [(each.number, each.partial) for each in changed] == [
        (0, {1.0: {"gain": Measurement(0.1)}})
    ]
