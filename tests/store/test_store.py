"""One process and its record."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moopt.errors import SelectionError, StateError, StoreError, StudyError
from moopt.store.drivers import Beats, Driver, Watch
from moopt.store.heartbeat import Heartbeat
from moopt.store.store import Store
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer, Value
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureCause,
    FailureKind,
    Measurement,
    TrialState,
    evaluation_seed,
)

STUDY = Study(
    "spam",
    parameters=[
        Continuous("rate", 0.0, 1.0),
        Integer("width", 1, 8),
        Categorical("choice", [1.5, "two", 3]),
        Simplex("mixture", ["news", "mail"]),
    ],
    objectives=[Objective("accuracy", Maximize, reference=0.5), Objective("latency", Minimize)],
)
CANDIDATE = Candidate({"rate": 0.1, "width": 2, "choice": 3, "mixture": {"news": 0.3, "mail": 0.7}})
OUT_OF_TIME = Failure(FailureKind.TIMEOUT, "took too long", FailureCause.TIMEOUT)

floats = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url = "sqlite://" if request.param == "memory" else request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        opened.register(STUDY)
        yield opened


def running(store: Store) -> int:
    number = store.add("spam", CANDIDATE, 0).number
    store.start("spam", number, driver="driver")
    return number


def completed(store: Store) -> int:
    number = running(store)
    store.complete("spam", number, {})
    return number


def test_a_candidate_becomes_a_proposed_trial_with_the_next_number(store: Store) -> None:
    first = store.add("spam", replace(CANDIDATE, sampler="sobol", notes={"row": "1"}), 5)
    second = store.add("spam", CANDIDATE, 5)

    assert (first.number, second.number) == (0, 1)
    assert first.state is TrialState.PROPOSED
    assert first.parameters == CANDIDATE.parameters
    assert (first.sampler, first.notes, first.attempts) == ("sobol", {"row": "1"}, 0)
    assert store.trials("spam") == [first, second]


def test_every_trial_has_a_seed_of_its_own_that_can_be_had_again(store: Store) -> None:
    seeds = [store.add("spam", CANDIDATE, 5).seed for _ in range(3)]

    assert seeds == [evaluation_seed(5, number) for number in range(3)]
    assert len(set(seeds)) == 3


def test_studies_number_their_trials_by_themselves(store: Store) -> None:
    store.register(replace(STUDY, name="ham"))

    assert store.add("spam", CANDIDATE, 0).number == 0
    assert store.add("ham", CANDIDATE, 0).number == 0
    assert store.studies() == ["spam", "ham"]


def test_a_candidate_that_does_not_know_of_the_latest_trial_is_refused(store: Store) -> None:
    store.add("spam", CANDIDATE, 0, number=0)

    with pytest.raises(StateError, match=r"was to be 0, it is 1; .* propose again"):
        store.add("spam", CANDIDATE, 0, number=0)
    assert len(store.trials("spam")) == 1


def test_a_completed_trial_has_its_measurements_and_times(store: Store) -> None:
    before = datetime.now(UTC)
    number = running(store)
    store.complete("spam", number, {"accuracy": Measurement(0.9, 0.01), "latency": Measurement(3)})

    trial = store.trials("spam")[number]
    assert trial.state is TrialState.COMPLETED
    assert trial.measurements == {"accuracy": Measurement(0.9, 0.01), "latency": Measurement(3.0)}
    assert trial.attempts == 1
    assert trial.started is not None
    assert trial.ended is not None
    assert before <= trial.started <= trial.ended <= datetime.now(UTC)
    assert trial.ended.tzinfo is UTC


def test_a_failed_trial_says_why(store: Store) -> None:
    number = running(store)

    store.fail("spam", number, OUT_OF_TIME)

    trial = store.trials("spam")[number]
    assert trial.state is TrialState.FAILED
    assert trial.failure == OUT_OF_TIME


def test_a_message_with_characters_that_no_database_takes_is_kept_for_people(store: Store) -> None:
    number = running(store)

    store.fail("spam", number, Failure(FailureKind.CANDIDATE, "no file 'caf\udce9\0': é"))

    failure = store.trials("spam")[number].failure
    assert failure is not None
    assert failure.message == r"no file 'caf\udce9\x00': é"
    assert store.events("spam")[-1].cause == rf"failed (candidate): {failure.message}"


def test_held_out_measurements_stand_beside_those_of_the_search(store: Store) -> None:
    number = running(store)
    store.complete("spam", number, {"accuracy": Measurement(0.9)})

    store.record_held_out("spam", number, {"accuracy": Measurement(0.7)})
    store.record_held_out("spam", number, {"accuracy": Measurement(0.8)})

    trial = store.trials("spam")[number]
    assert trial.measurements == {"accuracy": Measurement(0.9)}
    assert trial.held_out == {"accuracy": Measurement(0.8)}


def test_a_trial_that_is_handed_back_keeps_number_and_parameters(store: Store) -> None:
    number = running(store)

    store.hand_back("spam", number, "interrupted")

    trial = store.trials("spam")[number]
    assert (trial.state, trial.attempts) == (TrialState.PROPOSED, 1)
    again = store.start("spam", number, driver="other")
    assert (again.attempts, again.parameters) == (2, trial.parameters)


def test_an_outcome_counts_once(store: Store) -> None:
    number = running(store)
    store.complete("spam", number, {"accuracy": Measurement(0.9)})

    with pytest.raises(
        StateError, match=r"trial 0 of study 'spam' needs to be running .* completed"
    ):
        store.complete("spam", number, {"accuracy": Measurement(0.1)})
    with pytest.raises(StateError, match="needs to be running"):
        store.fail("spam", number, OUT_OF_TIME)
    with pytest.raises(StateError, match="needs to be running"):
        store.hand_back("spam", number, "again")
    with pytest.raises(StateError, match="needs to be proposed"):
        store.start("spam", number, driver="late")
    assert store.trials("spam")[number].measurements == {"accuracy": Measurement(0.9)}


def test_only_a_completed_trial_is_measured_again(store: Store) -> None:
    with pytest.raises(StateError, match="needs to be completed for this, it is running"):
        store.record_held_out("spam", running(store), {})


def test_a_trial_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(SelectionError, match="study 'spam' has no trial 7"):
        store.complete("spam", 7, {})


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


FAR_AWAY = Driver("far-away:1:ff", "far-away", 1, None)


def held_by(store: Store, driver: Driver) -> int:
    store.drivers.enter(driver, "spam", workers=1)
    number = store.add("spam", CANDIDATE, 0).number
    store.start("spam", number, driver=driver.name)
    return number


def test_the_trials_of_a_driver_that_falls_silent_are_proposed_again(store: Store) -> None:
    number = held_by(store, FAR_AWAY)
    clock = Clock()
    watch = Watch(60.0, clock)

    assert store.reclaim("spam", watch) == []
    clock.now = 59.0
    assert store.reclaim("spam", watch) == []
    clock.now = 60.0
    assert store.reclaim("spam", watch) == [number]

    assert store.trials("spam")[number].state is TrialState.PROPOSED
    assert store.events("spam")[-1].cause == "lost: driver far-away:1:ff said nothing for 60 s"


def test_a_driver_that_beats_keeps_its_trials(store: Store) -> None:
    held_by(store, FAR_AWAY)
    clock = Clock()
    watch = Watch(60.0, clock)
    for now in (0.0, 50.0, 100.0, 150.0):
        clock.now = now
        assert store.reclaim("spam", watch) == []
        store.drivers.beat(FAR_AWAY)


def test_a_driver_that_beats_while_it_is_given_up_keeps_its_trials(store: Store) -> None:
    number = held_by(store, FAR_AWAY)

    class SlowWatch(Watch):
        def lost(self, holders: Mapping[str, Beats]) -> dict[str, str]:
            found = super().lost(holders)
            store.drivers.beat(FAR_AWAY)
            return found

    assert store.reclaim("spam", SlowWatch(0.0)) == []
    assert store.trials("spam")[number].state is TrialState.RUNNING


def test_a_trial_that_loses_ten_drivers_has_failed(store: Store) -> None:
    number = held_by(store, FAR_AWAY)
    for loss in range(10):
        if loss:
            store.start("spam", number, driver=FAR_AWAY.name)
        assert store.reclaim("spam", Watch(0.0)) == [number]

    trial = store.trials("spam")[number]
    assert trial.failure == Failure(
        FailureKind.INFRASTRUCTURE,
        "driver far-away:1:ff said nothing for 0 s, and 9 others before it",
        FailureCause.DRIVER_LOST,
    )


def test_a_trial_of_a_driver_that_never_entered_is_reclaimed_too(store: Store) -> None:
    number = running(store)

    assert store.reclaim("spam", Watch(0.0)) == [number]


def test_a_heart_that_beats_keeps_its_trials(store: Store) -> None:
    watch = Watch(0.0)
    with Heartbeat(store, replace(FAR_AWAY, lease_seconds=0.15), "spam"):
        number = store.add("spam", CANDIDATE, 0).number
        store.start("spam", number, driver=FAR_AWAY.name)
        for _ in range(5):
            assert store.reclaim("spam", watch) == []
            time.sleep(0.06)

    assert store.trials("spam")[number].state is TrialState.PROPOSED


def test_a_driver_that_leaves_hands_back_its_own_trials(store: Store) -> None:
    mine = held_by(store, FAR_AWAY)
    other = running(store)

    assert store.drivers.leave(FAR_AWAY, "spam") == [mine]

    states = [trial.state for trial in store.trials("spam")]
    assert states[mine] is TrialState.PROPOSED
    assert states[other] is TrialState.RUNNING


def test_a_study_comes_back_as_it_was_entered(store: Store) -> None:
    assert store.study("spam") == STUDY
    assert store.path("spam") is None


def test_the_file_of_a_study_is_kept(store: Store, tmp_path: Path) -> None:
    store.register(STUDY, tmp_path / "spam.py")
    store.register(STUDY)

    assert store.path("spam") == tmp_path / "spam.py"


def test_inferred_references_are_set_once(store: Store) -> None:
    store.set_references("spam", {"latency": 20.0})
    store.set_references("spam", {"latency": 30.0})

    assert [each.reference for each in store.study("spam").objectives] == [0.5, 20.0]
    store.register(STUDY)
    store.register(store.study("spam"))
    assert [each.reference for each in store.study("spam").objectives] == [0.5, 20.0]


def test_starting_points_may_change(store: Store) -> None:
    store.register(replace(STUDY, start_with=[CANDIDATE.parameters]))

    assert store.study("spam").start_with == (CANDIDATE.parameters,)


def test_a_study_may_be_mended_while_no_trial_has_run(store: Store) -> None:
    store.add("spam", CANDIDATE, 0)
    other = replace(STUDY, parameters=[Continuous("rate", 0.0, 2.0)], start_with=())

    store.register(other)

    assert store.study("spam") == other
    assert store.trials("spam") == []


def test_another_study_of_the_same_name_is_refused_with_what_changed(store: Store) -> None:
    completed(store)
    width, *others = STUDY.parameters[1:]
    rate = Continuous("rate", 0.0, 2.0)
    other = replace(STUDY, parameters=[rate, *others, Integer("depth", 1, 4)])

    with pytest.raises(StudyError) as caught:
        store.register(other)
    assert str(caught.value) == (
        "study 'spam' differs from the one of that name in the store: "
        "parameter 'width' is gone; parameter 'depth' is new; "
        "parameter 'rate': high was 1.0 and is 2.0. "
        "Rename the study, take another store, or continue with --accept-changes"
    )
    assert width.name == "width"


def wider(study: Study) -> Study:
    return replace(study, parameters=[Continuous("rate", 0.0, 2.0), *study.parameters[1:]])


def test_changes_are_accepted_where_the_trials_fit_them(store: Store) -> None:
    completed(store)

    store.register(wider(STUDY), accept_changes=True)

    assert store.study("spam") == wider(STUDY)
    assert len(store.trials("spam")) == 1
    assert store.events("spam")[-1].cause == (
        "the study changed: parameter 'rate': high was 1.0 and is 2.0"
    )


def test_changes_that_trials_do_not_fit_are_refused(store: Store) -> None:
    completed(store)
    narrow = replace(STUDY, parameters=[Continuous("rate", 0.2, 1.0), *STUDY.parameters[1:]])

    with pytest.raises(StudyError, match=r"of its trials 0 would be no points of it: .* 'rate'"):
        store.register(narrow, accept_changes=True)
    assert store.study("spam") == STUDY


def test_trials_that_were_only_proposed_are_cancelled_where_they_do_not_fit(store: Store) -> None:
    store.register(wider(STUDY))
    completed(store)
    store.add("spam", replace(CANDIDATE, parameters={**CANDIDATE.parameters, "rate": 1.5}), 0)

    store.register(STUDY, accept_changes=True)

    states = [trial.state for trial in store.trials("spam")]
    assert states == [TrialState.COMPLETED, TrialState.CANCELLED]


def test_an_inferred_reference_goes_with_its_direction(store: Store) -> None:
    completed(store)
    store.set_references("spam", {"latency": 20.0})
    accuracy, latency = STUDY.objectives
    turned = replace(STUDY, objectives=[accuracy, replace(latency, direction=Maximize)])

    store.register(turned, accept_changes=True)

    assert store.inferred("spam") == {}


def test_an_unknown_study_is_answered_with_those_there_are(store: Store) -> None:
    with pytest.raises(SelectionError, match="no study 'ham'; it has 'spam'"):
        store.study("ham")
    with pytest.raises(SelectionError, match="no study 'ham'; it has 'spam'"):
        store.add("ham", CANDIDATE, 0)


def test_threads_may_share_a_store(store: Store) -> None:
    threads = [
        threading.Thread(target=lambda: [store.add("spam", CANDIDATE, 0) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [trial.number for trial in store.trials("spam")] == list(range(40))


@pytest.fixture(scope="module", params=["memory", "postgres"])
def growing(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store that is shared by many examples, each of which adds a trial."""
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres").new_database() if postgres else "sqlite://"
    with Store(url) as opened:
        opened.register(STUDY)
        yield opened


@given(mean=floats, sem=st.none() | floats.map(abs), fidelity=floats)
def test_numbers_are_stored_as_they_were_measured(
    growing: Store, mean: float, sem: float | None, fidelity: float
) -> None:
    number = growing.add("spam", replace(CANDIDATE, fidelity=fidelity), 0).number
    growing.start("spam", number, driver="driver")
    before = growing.revision("spam")
    growing.complete("spam", number, {"accuracy": Measurement(mean, sem)})

    (trial,) = growing.changed("spam", since=before)[1]
    assert trial.measurements["accuracy"] == Measurement(mean, sem)
    assert trial.fidelity == fidelity


@pytest.mark.parametrize("number", [5e-324, 2.2250738585072009e-308, 0.30000000000000004, 1e308, 3])
def test_hard_numbers_are_stored_to_the_last_bit(store: Store, number: float) -> None:
    trial = running(store)
    store.complete("spam", trial, {"accuracy": Measurement(number)})

    assert store.trials("spam")[trial].measurements["accuracy"].mean.hex() == float(number).hex()


@given(
    value=st.one_of(
        floats,
        st.integers(),
        st.booleans(),
        st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        st.dictionaries(st.sampled_from(["news", "mail"]), floats),
    )
)
def test_parameters_keep_their_types(growing: Store, value: Value) -> None:
    before = growing.revision("spam")

    added = growing.add("spam", Candidate({"rate": value}), 0)

    (trial,) = growing.changed("spam", since=before)[1]
    assert repr(trial.parameters) == repr(added.parameters)
    assert repr(added.parameters) == repr({"rate": value})


def test_a_store_keeps_what_it_has_when_it_is_closed(store_url: str) -> None:
    with Store(store_url) as store:
        store.register(STUDY)
        completed(store)

    with Store(store_url) as again:
        assert again.studies() == ["spam"]
        assert again.trials("spam")[0].state is TrialState.COMPLETED


def test_a_store_on_disk_lets_readers_and_a_writer_be(tmp_path: Path) -> None:
    path = tmp_path / "moopt.db"
    with Store(str(path)):
        connection = sqlite3.connect(path)
        mode = connection.execute("PRAGMA journal_mode").fetchone()
        connection.close()

    assert mode == ("wal",)


def no_folder(folder: Path) -> str:
    return str(folder / "missing" / "moopt.db")


def a_folder(folder: Path) -> str:
    return str(folder)


def no_database(folder: Path) -> str:
    path = folder / "notes.txt"
    path.write_text("this is not a database, it is a text of some length\n" * 100, encoding="utf-8")
    return str(path)


def unknown_dialect(_folder: Path) -> str:
    return "oracular://user@host/database"


def missing_driver(_folder: Path) -> str:
    return "mysql+no_such_driver://user:secret@host/database"


def no_url(_folder: Path) -> str:
    return "://"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (no_folder, r"there is no folder '.*missing'; make it"),
        (a_folder, "that is a folder; expected is the path of a SQLite file"),
        (no_database, "file is not a database; expected is"),
        (unknown_dialect, "unknown database 'oracular'; expected is"),
        (missing_driver, r"'mysql\+no_such_driver"),
        (no_url, "'://' is not a database URL; expected is"),
    ],
)
def test_a_store_that_cannot_be_opened_says_why(
    tmp_path: Path, make: Callable[[Path], str], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        Store(make(tmp_path))


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "moopt.db"
    Store(str(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE moopt_schema SET version_num = '99'")
    connection.close()

    with pytest.raises(
        StoreError, match=r"newer moopt: its tables have version 99, .* upgrade moopt"
    ):
        Store(str(path))


def test_a_write_that_fails_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "moopt.db"
    with Store(str(path)) as store:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE moopt_studies")
        connection.close()

        with pytest.raises(StoreError, match=r"cannot write the store .* no such table"):
            store.register(STUDY)
