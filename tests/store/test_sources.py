"""Copies of earlier studies that a study learns from."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moopt.errors import SelectionError, StudyError
from moopt.store.copying import copy_studies
from moopt.store.database import Database
from moopt.store.store import Store
from moopt.study.source import Source
from moopt.study.trials import Candidate, Measurement, Trial, TrialState
from tests.store.test_store import CANDIDATE, STUDY, floats

EARLIER = replace(STUDY, name="earlier")
TRIALS = [
    Trial(
        number,
        CANDIDATE.parameters,
        state=TrialState.COMPLETED,
        fidelity=fidelity,
        measurements={"accuracy": Measurement(0.1 + 0.2, 5e-324), "latency": Measurement(-1e308)},
    )
    for number, fidelity in enumerate([None, 0.1])
]
SOURCE = Source(EARLIER, TRIALS)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url = "sqlite://" if request.param == "memory" else request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        opened.register(STUDY)
        yield opened


def test_a_study_without_sources_has_none(store: Store) -> None:
    assert store.sources("spam") == ()
    assert store.keep_sources("spam", []) == ()


def test_sources_are_kept_in_their_order_to_the_last_bit(store: Store) -> None:
    second = Source(replace(STUDY, name="second"), TRIALS[:1])

    kept = store.keep_sources("spam", [SOURCE, second])

    assert kept == store.sources("spam") == (SOURCE, second)
    assert [type(each.parameters["width"]) for each in kept[0].trials] == [int, int]
    assert [event.cause for event in store.events("spam")] == [
        "learns from 2 trials of study 'earlier'",
        "learns from 1 trials of study 'second'",
    ]


def test_a_copy_stays_what_it_was_when_the_earlier_study_goes_on(store: Store) -> None:
    store.register(EARLIER)
    number = store.add("earlier", Candidate(CANDIDATE.parameters), 0, driver="d").number
    store.complete("earlier", number, {"accuracy": Measurement(0.5)})
    kept = store.keep_sources("spam", [store.source("earlier")])
    store.add("earlier", Candidate({**CANDIDATE.parameters, "width": 3}), 0)

    again = store.keep_sources("spam", [store.source("earlier")])

    assert again == kept
    assert len(again[0].trials) == 1
    assert len(store.source("earlier").trials) == 2


def test_a_study_that_learns_from_others_already_is_not_given_new_ones(store: Store) -> None:
    store.keep_sources("spam", [SOURCE])

    with pytest.raises(
        StudyError, match="learns from 'earlier' and was asked to learn from 'other'; ask for the"
    ):
        store.keep_sources("spam", [Source(replace(STUDY, name="other"), TRIALS)])


def test_an_unknown_study_has_no_sources_and_is_none(store: Store) -> None:
    for ask in (store.sources, store.source):
        with pytest.raises(SelectionError, match="no study 'ham'"):
            ask("ham")


@settings(max_examples=10)
@given(means=st.lists(floats, min_size=1, max_size=5))
def test_any_numbers_are_kept(means: list[float]) -> None:
    trials = [replace(TRIALS[0], measurements={"accuracy": Measurement(each)}) for each in means]
    with Store("sqlite://") as store:
        store.register(STUDY)

        (kept,) = store.keep_sources("spam", [Source(EARLIER, trials)])

    assert repr([each.measurements for each in kept.trials]) == repr(
        [each.measurements for each in trials]
    )


def test_sources_are_copied_to_another_store_with_their_study(
    tmp_path: Path, store_url: str
) -> None:
    with Store(str(tmp_path / "from.db")) as store:
        store.register(EARLIER)
        store.register(STUDY)
        store.keep_sources("spam", [SOURCE])
    giver, taker = Database(str(tmp_path / "from.db")), Database(f"{store_url}")

    copy_studies(giver, taker)

    giver.close()
    taker.close()
    with Store(store_url) as copied:
        assert copied.sources("spam") == (SOURCE,)
        assert copied.sources("earlier") == ()
