"""Which checkpoints stay."""

from pathlib import Path

import pytest

from moopt.executors.ownership import take_over
from moopt.loop import optimize
from moopt.loop.retention import CHECKPOINT, Retention, kept_checkpoints
from moopt.store.store import Store
from moopt.study.evaluation import Context
from moopt.study.objectives import Fidelity, Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "training",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[Objective("gain", Maximize, reference=0.0), Objective("speed", Maximize)],
    fidelity=Fidelity("epochs", low=1, high=9),
)


def trial(
    number: int,
    gain: float,
    *,
    state: TrialState = TrialState.COMPLETED,
    fidelity: float = 9.0,
    continues: int | None = None,
) -> Trial:
    measured = {"gain": Measurement(gain), "speed": Measurement(1.0)}
    return Trial(
        number,
        {"x": 0.5},
        state=state,
        fidelity=fidelity,
        continues=continues,
        measurements=measured if state in (TrialState.COMPLETED, TrialState.STOPPED) else {},
        key=f"key of {number}",
    )


def write_checkpoint(directory: Path, trial: Trial) -> None:
    folder = directory / str(trial.number)
    (folder / CHECKPOINT).mkdir(parents=True)
    take_over(folder, trial)
    (folder / CHECKPOINT / "weights").write_text("1", encoding="utf-8")
    (folder / "log.txt").write_text("said", encoding="utf-8")


def test_of_whole_trials_those_on_the_front_and_the_best_stay() -> None:
    trials = [trial(0, 0.5), trial(1, 0.9), trial(2, 0.1)]

    assert kept_checkpoints(STUDY, trials, 0) == {1}
    assert kept_checkpoints(STUDY, trials, 2) == {0, 1}


def test_the_newest_that_may_be_taken_further_stay() -> None:
    trials = [trial(number, 0.5, fidelity=1.0) for number in range(4)]

    assert kept_checkpoints(STUDY, trials, 2) == {2, 3}
    assert kept_checkpoints(STUDY, trials, 0) == set()
    assert kept_checkpoints(STUDY, trials, 9) == {0, 1, 2, 3}


def test_a_stopped_trial_may_be_taken_further() -> None:
    assert kept_checkpoints(STUDY, [trial(0, 0.5, state=TrialState.STOPPED, fidelity=3.0)], 1) == {
        0
    }


@pytest.mark.parametrize("state", [TrialState.PROPOSED, TrialState.RUNNING])
def test_what_a_trial_starts_from_stays_until_it_has_ended(state: TrialState) -> None:
    trials = [trial(0, 0.5, fidelity=1.0), trial(1, 0.5, state=state, continues=0)]

    assert kept_checkpoints(STUDY, trials, 0) == {0, 1}


def test_what_was_taken_further_goes_when_that_has_ended() -> None:
    trials = [trial(0, 0.5, fidelity=1.0), trial(1, 0.6, fidelity=3.0, continues=0)]

    assert kept_checkpoints(STUDY, trials, 9) == {1}


def test_failed_trials_keep_none() -> None:
    assert kept_checkpoints(STUDY, [trial(0, 0.5, state=TrialState.FAILED)], 9) == set()


def test_only_checkpoints_are_deleted_and_only_once_they_are_not_needed(tmp_path: Path) -> None:
    for number in range(3):
        write_checkpoint(tmp_path, trial(number, 0.5))
    retention = Retention(tmp_path, newest=1)

    retention.tidy(STUDY, [trial(0, 0.5)])
    assert (tmp_path / "0" / CHECKPOINT / "weights").exists()

    retention.tidy(STUDY, [trial(0, 0.5), trial(1, 0.9)])
    assert not (tmp_path / "0" / CHECKPOINT).exists()
    assert (tmp_path / "1" / CHECKPOINT / "weights").exists()
    # No trial of the study, as far as this run knows.
    assert (tmp_path / "2" / CHECKPOINT / "weights").exists()
    assert (tmp_path / "0" / "log.txt").exists()


def test_a_checkpoint_that_lies_elsewhere_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "0").mkdir()
    take_over(tmp_path / "0", trial(0, 0.5))
    (tmp_path / "0" / CHECKPOINT).symlink_to(elsewhere)

    Retention(tmp_path, newest=0).tidy(STUDY, [trial(0, 0.5), trial(1, 0.9)])

    assert elsewhere.is_dir()


def test_a_trial_that_runs_again_is_looked_at_again(tmp_path: Path) -> None:
    retention = Retention(tmp_path, newest=0)
    retention.tidy(STUDY, [trial(0, 0.5, state=TrialState.FAILED)])
    retention.tidy(STUDY, [trial(0, 0.5, state=TrialState.RUNNING)])
    write_checkpoint(tmp_path, trial(0, 0.5))

    retention.tidy(STUDY, [trial(0, 0.5, state=TrialState.FAILED)])

    assert not (tmp_path / "0" / CHECKPOINT).exists()


def search(
    directory: Path,
    store: Store,
    count: int,
    *,
    slope: float = -1.0,
    writes: bool = True,
    keep: int | None = 0,
) -> list[int]:
    """Search so far, and return the numbers of the trials that have a checkpoint then."""

    def evaluate(trial: Trial, context: Context) -> dict[str, float]:
        if writes:
            (context.directory / CHECKPOINT).mkdir(exist_ok=True)
            (context.directory / CHECKPOINT / "weights").write_text("1", encoding="utf-8")
        return {"gain": slope * trial.number, "speed": 1.0}

    optimize(
        STUDY,
        evaluate,
        trials=count,
        sampler="sobol",
        store=store,
        directory=directory,
        keep_checkpoints=keep,
    )
    found = (directory / STUDY.name).glob(f"*/{CHECKPOINT}")
    return sorted(int(folder.parent.name) for folder in found)


def test_a_run_keeps_the_checkpoint_of_its_front(tmp_path: Path) -> None:
    with Store("sqlite://") as store:
        assert search(tmp_path, store, 3) == [0]


def test_what_a_trial_of_another_store_left_in_the_same_folder_stays(tmp_path: Path) -> None:
    with Store("sqlite://") as one, Store("sqlite://") as other:
        assert search(tmp_path, one, 2) == [0]

        # To the other store, the first trial is not on the front.
        assert search(tmp_path, other, 2, slope=1.0, writes=False) == [0]


def test_what_a_trial_of_another_store_wrote_since_then_stays(tmp_path: Path) -> None:
    with Store("sqlite://") as one, Store("sqlite://") as other:
        assert search(tmp_path, one, 2) == [0]
        assert search(tmp_path, other, 2, keep=None) == [0, 1]

        # To this store, the second trial is not on the front.
        assert search(tmp_path, one, 3) == [0, 1]


def test_a_store_that_is_begun_anew_deletes_what_its_own_trials_write(tmp_path: Path) -> None:
    with Store("sqlite://") as one, Store("sqlite://") as anew:
        assert search(tmp_path, one, 3, keep=None) == [0, 1, 2]

        assert search(tmp_path, anew, 3) == [0]
