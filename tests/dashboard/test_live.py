from pathlib import Path

import pytest

from moopt.benchmarks.made_trials import fill_store, tuning_study, tuning_trials
from moopt.dashboard.live import LiveStudies
from moopt.errors import SelectionError
from moopt.store.store import Store
from moopt.study.trials import Candidate, Measurement, TrialState

POINT = tuning_trials(1)[0].parameters
MEASURED = {
    "accuracy": Measurement(2.0),
    "latency_ms": Measurement(1.0),
    "toxicity": Measurement(0.1),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill_store(tmp_path / "s.db", tuning_study(), tuning_trials(30))
    return tmp_path / "s.db"


def test_a_study_that_has_not_changed_is_not_read_again(path: Path) -> None:
    with Store(str(path)) as store:
        live = LiveStudies(store)

        assert live.snapshot("tuning") is live.snapshot("tuning")


def test_what_changes_joins_what_was_known(path: Path) -> None:
    with Store(str(path)) as store, Store(str(path)) as runner:
        live = LiveStudies(store)
        before = live.snapshot("tuning")

        runner.add("tuning", Candidate(POINT), 0, driver="test")
        running = live.snapshot("tuning")
        runner.complete("tuning", 30, MEASURED)
        after = live.snapshot("tuning")

    assert [len(each.trials) for each in (before, running, after)] == [30, 31, 31]
    assert running.trials[30].state is TrialState.RUNNING
    assert [trial.number for trial in after.front.trials] == [30]
    assert before.revision < running.revision < after.revision
    assert after.trials[:30] == before.trials


def test_trials_that_another_definition_dropped_are_gone(tmp_path: Path) -> None:
    with Store(str(tmp_path / "t.db")) as store:
        store.register(tuning_study())
        store.add("tuning", Candidate(POINT), 0)
        live = LiveStudies(store)
        assert len(live.snapshot("tuning").trials) == 1
        changed = tuning_study()
        store.register(
            type(changed)(
                "tuning", parameters=changed.parameters[:2], objectives=changed.objectives
            )
        )

        assert live.snapshot("tuning").trials == ()


def test_one_study_of_several_can_be_the_only_one(path: Path) -> None:
    fill_store(path, tuning_study("other"), [])
    with Store(str(path)) as store:
        assert LiveStudies(store).names() == ["tuning", "other"]
        assert LiveStudies(store, only="other").names() == ["other"]


def test_a_study_that_is_not_there_is_named(path: Path) -> None:
    with Store(str(path)) as store, pytest.raises(SelectionError, match="nowhere"):
        LiveStudies(store).snapshot("nowhere")


def test_a_server_of_one_study_tells_nothing_of_another(path: Path) -> None:
    fill_store(path, tuning_study("other"), [])
    with Store(str(path)) as store:
        live = LiveStudies(store, only="other")
        for ask in (live.snapshot, live.revision):
            with pytest.raises(SelectionError, match="'other' and not 'tuning'"):
                ask("tuning")
