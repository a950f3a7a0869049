"""A run ends when its models leave nothing to gain."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moopt.errors import SelectionError
from moopt.loop import Ended, optimize
from moopt.loop.stagnation import IN_A_ROW, StagnationWatch, percent_left, watched
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.samplers.racing import RacingSampler
from moopt.samplers.starting_points import LooksFirst
from moopt.study.evaluation import Context
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState
from moopt.study.validation import Raw

STUDY = Study(
    "line",
    parameters=[Continuous("x", 0.0, 1.0)],
    objectives=[
        Objective("rise", Maximize, reference=0.0, noise=0.0),
        Objective("fall", Maximize, reference=0.0, noise=0.0),
    ],
)
ENDED = datetime(2026, 1, 1, tzinfo=UTC)
AREA = 0.5
"""Below the front x + y = 1."""


def evaluate(trial: Trial, _context: Context) -> Mapping[str, Raw]:
    x = float(str(trial.parameters["x"]))
    return {"rise": x, "fall": 1.0 - x}


def evenly(count: int) -> list[Trial]:
    """Return trials at even distances; with n the area is AREA * (n - 1) / n."""
    return [
        Trial(
            number,
            {"x": number / count},
            state=TrialState.COMPLETED,
            measurements={
                "rise": Measurement(number / count, 0.0),
                "fall": Measurement(1.0 - number / count, 0.0),
            },
            ended=ENDED,
        )
        for number in range(1, count)
    ]


def test_what_is_left_to_gain_is_what_the_front_lacks() -> None:
    trials = evenly(8)
    reached = AREA * 7 / 8

    left = percent_left(STUDY, trials)

    assert left == pytest.approx(100 * (AREA - reached) / reached, rel=0.05)


def test_of_what_is_unknown_more_is_left() -> None:
    few = [trial for trial in evenly(32) if trial.number <= 12]

    left, everywhere = percent_left(STUDY, few), percent_left(STUDY, evenly(32))

    assert left is not None
    assert everywhere is not None
    assert left > 10 * everywhere


def test_of_too_little_nobody_can_tell() -> None:
    assert percent_left(STUDY, evenly(3)) is None


def test_a_watch_needs_several_looks_in_a_row() -> None:
    watch = StagnationWatch(20.0)
    trials = evenly(13)

    for count in range(10, 13):
        assert not watch.is_stagnant
        watch.look(STUDY, trials[:count])
        watch.look(STUDY, trials[:count])

    assert watch.below == IN_A_ROW
    assert watch.is_stagnant
    assert watch.bound is not None
    assert watch.bound < 20.0


def test_a_run_ends_and_tells_how_much_is_left(tmp_path: Path) -> None:
    run = optimize(
        STUDY,
        evaluate,
        trials=60,
        sampler="sobol",
        stop_when_stagnant=30.0,
        directory=tmp_path,
    )

    assert run.ended is Ended.STAGNANT
    assert run.left_to_gain is not None
    lacking = 100 * (AREA / run.front.hypervolume() - 1)
    assert lacking - 1.0 < run.left_to_gain <= 30.0


def test_a_run_that_has_its_trials_first_tells_how_much_is_left(tmp_path: Path) -> None:
    run = optimize(
        STUDY, evaluate, trials=11, sampler="sobol", stop_when_stagnant=0.01, directory=tmp_path
    )

    assert run.ended is Ended.DONE
    assert run.left_to_gain is not None
    assert run.left_to_gain > 1.0


@pytest.mark.parametrize("percent", [0.0, -1.0, float("nan"), float("inf")])
def test_no_percentage_above_zero_is_refused(percent: float, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="percentage above 0"):
        optimize(STUDY, evaluate, trials=3, stop_when_stagnant=percent, directory=tmp_path)


def test_a_sampler_keeps_what_else_it_says() -> None:
    watch = StagnationWatch(1.0)

    assert isinstance(watched(RacingSampler(), watch), LooksFirst)
    assert not isinstance(watched(QuasiRandomSampler(), watch), LooksFirst)
    sampler = QuasiRandomSampler()
    assert watched(sampler, None) is sampler


def test_running_trials_are_no_reason_to_look_again() -> None:
    watch = StagnationWatch(50.0)
    trials = evenly(12)
    running = replace(trials[0], state=TrialState.RUNNING, measurements={}, ended=None)

    for _ in range(5):
        watch.look(STUDY, trials)
        watch.look(STUDY, [*trials, running])

    assert watch.below == 1
