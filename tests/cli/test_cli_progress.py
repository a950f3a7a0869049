from dataclasses import replace

from moopt.cli.progress import PlainObserver
from moopt.loop import Phase, Progress, StopLevel
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.study import Study
from moopt.study.trials import Failure, FailureKind, Measurement, Trial, TrialState

STUDY = Study(
    "s",
    parameters=[Continuous("x", 0, 1)],
    objectives=[Objective("a", Maximize, reference=0), Objective("b", Maximize, reference=0)],
)


def completed(number: int, a: float, b: float) -> Trial:
    measurements = {"a": Measurement(a), "b": Measurement(b)}
    return Trial(number, {"x": 0.5}, state=TrialState.COMPLETED, measurements=measurements)


def progress(*trials: Trial, elapsed: float = 0.0) -> Progress:
    return Progress(
        study=STUDY,
        trials=trials,
        running=1,
        capacity=2,
        target=10,
        phase=Phase.SEARCH,
        elapsed=elapsed,
    )


def test_a_line_comes_when_a_trial_has_ended_and_only_then() -> None:
    lines: list[str] = []
    observer = PlainObserver(lines.append)
    one, running = completed(0, 2.0, 3.0), Trial(1, {"x": 0.1}, state=TrialState.RUNNING)

    observer.search(progress(one))
    observer.search(progress(one, running))
    observer.search(progress(one, completed(1, 3.0, 2.0), elapsed=5.0))

    # The second trial took 5 seconds; eight are to come. Hypervolume by hand: 6, then 8.
    assert lines == [
        "search, 1 of 10 trials: hypervolume 6, 1 of 2 workers busy",
        "search, 2 of 10 trials: hypervolume 8, 1 of 2 workers busy, about 40 s left",
    ]


def test_one_objective_is_told_by_its_best_value() -> None:
    lines: list[str] = []
    observer = PlainObserver(lines.append)
    alone = replace(progress(), study=replace(STUDY, objectives=STUDY.objectives[:1]))

    observer.search(alone)
    observer.search(replace(alone, trials=[completed(0, 2.0, 3.0), completed(1, 0.5, 3.0)]))

    assert lines == [
        "search, 0 of 10 trials: best a —, 1 of 2 workers busy",
        "search, 2 of 10 trials: best a 2, 1 of 2 workers busy, about 0 s left",
    ]


def test_failures_are_counted() -> None:
    lines: list[str] = []
    failure = Failure(FailureKind.CANDIDATE, "no")

    PlainObserver(lines.append).search(
        progress(Trial(0, {"x": 0.5}, state=TrialState.FAILED, failure=failure))
    )

    assert lines == ["search, 1 of 10 trials: hypervolume 0, 1 of 2 workers busy, 1 failed"]


def test_a_run_that_only_waits_for_its_trials_says_so() -> None:
    lines: list[str] = []
    observer = PlainObserver(lines.append)
    running = replace(progress(completed(0, 2.0, 3.0)), running=2)

    observer.search(running)
    observer.search(replace(running, stopping=StopLevel.DRAIN))
    observer.search(replace(running, stopping=StopLevel.DRAIN, elapsed=9.0))

    waiting = "stopping after 2 running trials, Ctrl-C stops at once"
    assert lines[1:] == [f"search, 1 of 10 trials: hypervolume 6, {waiting}"]


def test_held_out_measurements_are_counted_over_the_front() -> None:
    lines: list[str] = []
    first, second = completed(0, 2.0, 3.0), completed(1, 3.0, 2.0)
    measured = replace(first, held_out=first.measurements)

    PlainObserver(lines.append).search(
        replace(progress(measured, second, completed(2, 1.0, 1.0)), phase=Phase.HELD_OUT)
    )

    assert lines == ["held out, 1 of 2 trials: 1 of 2 workers busy"]


def test_the_preparation_says_each_step_and_each_quarter() -> None:
    lines: list[str] = []
    observer = PlainObserver(lines.append)

    observer.preparation("training", 0.0)
    observer.preparation("training", 0.1)
    observer.preparation("training", 0.3)
    observer.preparation("saving", 0.3)

    assert lines == [
        "preparing,   0%: training",
        "preparing,  30%: training",
        "preparing,  30%: saving",
    ]
