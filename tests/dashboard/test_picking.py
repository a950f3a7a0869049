from pathlib import Path

import pytest

from moopt.benchmarks.made_trials import tuning_study, tuning_trials
from moopt.dashboard.live import snapshot_of
from moopt.dashboard.picking import (
    KNEE,
    PREFERENCES,
    TRIAL,
    Wish,
    choose,
    export_command,
    folder_for,
    neighbours_of,
)

SNAPSHOT = snapshot_of(tuning_study(), tuning_trials(60))


def test_the_knee_is_what_the_command_line_picks() -> None:
    assert choose(SNAPSHOT, Wish(KNEE)).trial == SNAPSHOT.front.knee()


def test_preferences_pick_as_the_front_does() -> None:
    weights = {"accuracy": 90.0, "latency_ms": 10.0}

    assert choose(SNAPSHOT, Wish(PREFERENCES, weights=weights)).trial == SNAPSHOT.front.pick(
        weights
    )


def test_preferences_that_are_all_zero_mean_the_knee() -> None:
    wish = Wish(PREFERENCES, weights={"accuracy": 0.0})

    assert choose(SNAPSHOT, wish).trial == SNAPSHOT.front.knee()


def test_bounds_hold_whichever_way_is_better() -> None:
    choice = choose(SNAPSHOT, Wish(bounds={"accuracy": 0.7, "latency_ms": 30.0}))

    assert choice.trial is not None
    assert choice.trial.measurements["accuracy"].mean >= 0.7
    assert choice.trial.measurements["latency_ms"].mean <= 30.0
    assert choice.outside
    assert all(
        trial.measurements["accuracy"].mean < 0.7 or trial.measurements["latency_ms"].mean > 30
        for trial in choice.outside
    )


def test_bounds_that_leave_nothing_are_a_word_and_no_error() -> None:
    choice = choose(SNAPSHOT, Wish(bounds={"accuracy": 5.0}))

    assert choice.trial is None
    assert "loosen" in choice.problem


def test_a_trial_can_be_named_within_the_bounds_or_not() -> None:
    number = SNAPSHOT.front.trials[0].number
    choice = choose(SNAPSHOT, Wish(TRIAL, number=number, bounds={"accuracy": 5.0}))

    assert choice.trial == SNAPSHOT.front.trials[0]


def test_neighbours_are_of_the_front_and_the_nearest_come_first() -> None:
    knee = SNAPSHOT.front.knee()
    found = neighbours_of(SNAPSHOT.front, knee)

    assert len(found) == 4
    assert knee not in found
    latencies = [
        abs(t.measurements["latency_ms"].mean - knee.measurements["latency_ms"].mean) for t in found
    ]
    assert min(latencies) == pytest.approx(min(latencies[:2]))


def test_a_study_without_a_front_says_so() -> None:
    assert choose(snapshot_of(tuning_study(), []), Wish()).problem == (
        "there is no front yet to choose from"
    )


def test_the_command_can_be_pasted_into_a_shell() -> None:
    assert folder_for("tuning", 7) == Path("models/tuning-7")
    assert export_command("tuning", 7, "runs/my big.db") == (
        "moopt export tuning --trial 7 --to models/tuning-7 --store 'runs/my big.db'"
    )


def test_a_named_trial_is_never_replaced_by_another() -> None:
    on_front = {trial.number for trial in SNAPSHOT.front.trials}
    gone = next(
        t for t in SNAPSHOT.trials if t.number not in on_front and "accuracy" in t.measurements
    )

    assert choose(SNAPSHOT, Wish(TRIAL, number=gone.number)).trial == gone
    assert choose(SNAPSHOT, Wish(TRIAL)).trial is None
    assert "choose a trial" in choose(SNAPSHOT, Wish(TRIAL)).problem
    assert "no measurements" in choose(SNAPSHOT, Wish(TRIAL, number=9999)).problem
