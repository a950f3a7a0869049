from dataclasses import replace
from pathlib import Path

import pytest

from moopt.errors import StateError, StudyError
from moopt.store.store import Store
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Candidate, Measurement, Trial, TrialState

HILL = Study("hill", parameters=[Continuous("x", 0, 1)], objectives=[Objective("y", Maximize)])
TRIALS = [
    Trial(
        number,
        {"x": number / 4},
        state=TrialState.COMPLETED,
        measurements={"y": Measurement(float(number))},
        key=f"key-{number}",
    )
    for number in range(3)
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "a.db"))


def test_a_brought_study_keeps_which_references_were_inferred(store: Store) -> None:
    store.bring(HILL, TRIALS, {"y": 0.5})

    store.register(HILL)
    assert store.inferred("hill") == {"y": 0.5}
    assert store.study("hill") == HILL.with_references({"y": 0.5})
    assert store.trials("hill") == TRIALS


def test_brought_trials_have_keys_of_their_own(store: Store) -> None:
    store.bring(HILL, TRIALS)

    keys = {each.key for each in store.trials("hill")}
    assert len(keys) == 3
    assert not keys & {each.key for each in TRIALS}


def test_a_study_that_has_not_run_yet_is_not_replaced(store: Store) -> None:
    store.register(HILL)
    store.add("hill", Candidate({"x": 0.5}), 0)
    other = replace(HILL, parameters=[Continuous("x", 0, 2)])

    for study in (HILL, other):
        with pytest.raises(StateError, match="has 1 trials in this store"):
            store.bring(study, TRIALS)

    assert store.study("hill") == HILL
    assert len(store.trials("hill")) == 1


def test_another_study_of_the_name_is_not_replaced(store: Store) -> None:
    store.register(HILL)

    with pytest.raises(StudyError, match="differs from the one of that name"):
        store.bring(replace(HILL, parameters=[Continuous("x", 0, 2)]), TRIALS)

    assert store.study("hill") == HILL


def test_a_study_comes_with_its_trials_or_not_at_all(store: Store) -> None:
    with pytest.raises(Exception, match="UNIQUE"):
        store.bring(HILL, [TRIALS[0], TRIALS[0]])

    assert store.studies() == []
