"""Who was busy when: one bar a trial, none on top of another."""

from dataclasses import replace
from datetime import timedelta

from moopt.reports.timeline import busy_times, timeline_figure
from moopt.study.trials import Failure, FailureKind, Trial, TrialState
from moopt.study.usage import Usage
from tests.reports.made_trials import NOON


def ran(number: int, begin: int, end: int | None, device: str | None = "cuda:0") -> Trial:
    usage = None if device is None else Usage(1.0, 1.0, 0.0, None, None, "node", device)
    return Trial(
        number,
        {},
        state=TrialState.RUNNING if end is None else TrialState.COMPLETED,
        started=NOON + timedelta(seconds=begin),
        ended=None if end is None else NOON + timedelta(seconds=end),
        usage=usage,
    )


def test_trials_one_after_the_other_share_a_row() -> None:
    busy = busy_times([ran(0, 0, 10), ran(1, 10, 30)], now=None, running_on={})

    assert [(each.worker, each.begin, each.end) for each in busy] == [
        ("node cuda:0", 0.0, 10.0),
        ("node cuda:0", 10.0, 30.0),
    ]


def test_trials_at_once_on_one_device_have_rows_of_their_own() -> None:
    trials = [ran(0, 0, 10), ran(1, 5, 20), ran(2, 12, 15), ran(3, 0, 4, "cuda:1")]

    busy = busy_times(trials, now=None, running_on={})

    assert {each.trial.number: each.worker for each in busy} == {
        0: "node cuda:0 1",
        1: "node cuda:0 2",
        2: "node cuda:0 1",
        3: "node cuda:1",
    }


def test_running_trials_last_until_now_on_what_runs_them() -> None:
    trials = [ran(0, 0, 10), ran(1, 4, None, None), ran(2, 5, None, None)]

    busy = busy_times(trials, now=NOON + timedelta(seconds=60), running_on={1: "node cuda:1"})

    assert [(each.worker, each.end) for each in busy] == [
        ("node cuda:0", 10.0),
        ("node cuda:1", 60.0),
        ("worker 1", 60.0),
    ]


def test_states_differ_in_colour_and_in_pattern() -> None:
    failed = replace(
        ran(1, 0, 5),
        state=TrialState.FAILED,
        failure=Failure(FailureKind.CANDIDATE, "a\n<script>x</script>"),
    )

    done, broken = timeline_figure([ran(0, 0, 10), failed]).data

    assert done.marker.color != broken.marker.color
    assert done.marker.pattern.shape != broken.marker.pattern.shape
    assert "<script>" not in broken.hovertext[0]
    assert "&lt;script&gt;" in broken.hovertext[0]


def test_what_never_began_is_not_drawn() -> None:
    assert len(timeline_figure([Trial(0, {})]).data) == 0
    assert len(timeline_figure([]).data) == 0
