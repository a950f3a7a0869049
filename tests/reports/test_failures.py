"""Every failure comes with what to do."""

from itertools import product

import pytest

from moopt.reports.advice import advice
from moopt.reports.failures import failure_groups
from moopt.study.trials import Failure, FailureCause, FailureKind, Trial, TrialState


@pytest.mark.parametrize(("kind", "cause"), list(product(FailureKind, FailureCause)))
def test_there_is_something_to_do_about_every_failure(
    kind: FailureKind, cause: FailureCause
) -> None:
    said = advice(Failure(kind, "whatever it says", cause))

    assert said
    assert "\n" not in said
    assert len(said) < 200


def failed(number: int, kind: FailureKind, cause: FailureCause) -> Trial:
    failure = Failure(kind, f"first line\nmessage {number}", cause)
    return Trial(number, {}, state=TrialState.FAILED, failure=failure)


def test_failures_of_one_cause_are_told_together_with_the_last_message() -> None:
    trials = [
        failed(4, FailureKind.CANDIDATE, FailureCause.MEMORY_LIMIT),
        failed(3, FailureKind.TIMEOUT, FailureCause.TIMEOUT),
        Trial(2, {}, state=TrialState.COMPLETED),
        failed(1, FailureKind.CANDIDATE, FailureCause.MEMORY_LIMIT),
        failed(0, FailureKind.CANDIDATE, FailureCause.GPU_OUT_OF_MEMORY),
    ]

    groups = failure_groups(trials)

    assert [
        (group.title, [trial.number for trial in group.trials], group.message) for group in groups
    ] == [
        ("candidate, GPU out of memory", [0], "message 0"),
        ("candidate, memory limit", [1, 4], "message 4"),
        ("timeout", [3], "message 3"),
    ]
    assert "--memory-limit" in groups[1].advice


def test_a_failure_without_a_message_is_told_too() -> None:
    trial = Trial(0, {}, state=TrialState.FAILED, failure=Failure(FailureKind.CANDIDATE, ""))

    assert [(group.title, group.message) for group in failure_groups([trial])] == [
        ("candidate", "—")
    ]
