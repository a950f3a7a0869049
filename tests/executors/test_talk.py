import pytest

from moopt.errors import EvaluationError, NonFiniteError
from moopt.executors.talk import Talk
from moopt.study.evaluation import Report
from moopt.study.trials import Trial

TRIAL = Trial(0, {"x": 0.5}, fidelity=9.0)


def told_to_stop() -> bool:
    return True


def test_what_is_returned_after_the_wish_to_stop_is_measured_at_the_last_reported_fidelity() -> (
    None
):
    taken: list[Report] = []
    talk = Talk(TRIAL, taken.append, told_to_stop)
    talk.report(1, {"gain": 0.1})
    talk.report(3, {"gain": 0.2})

    assert talk.should_stop()
    assert talk.outcome({"gain": 0.25}) == Report(3.0, {"gain": 0.25})
    assert [each.fidelity for each in taken] == [1.0, 3.0]


def test_an_evaluator_that_does_not_ask_is_measured_at_the_fidelity_of_its_trial() -> None:
    talk = Talk(TRIAL, lambda _: None, told_to_stop)
    talk.report(3, {"gain": 0.2})

    assert talk.outcome({"gain": 0.9}) == {"gain": 0.9}


def test_whoever_ends_early_has_to_have_reported() -> None:
    talk = Talk(TRIAL, lambda _: None, told_to_stop)
    assert talk.should_stop()

    with pytest.raises(EvaluationError, match="never reported a fidelity"):
        talk.outcome({"gain": 0.25})
    assert talk.mistake is not None


def test_a_mistake_is_remembered_although_the_evaluator_may_catch_it() -> None:
    talk = Talk(TRIAL, lambda _: None, told_to_stop)

    with pytest.raises(EvaluationError):
        talk.report(10, {"gain": 0.25})

    assert "at most 9" in str(talk.mistake)


def test_a_nan_on_the_way_is_no_mistake_of_the_evaluator() -> None:
    talk = Talk(TRIAL, lambda _: None, told_to_stop)

    with pytest.raises(NonFiniteError):
        talk.report(1, {"gain": float("nan")})

    assert talk.mistake is None


def test_a_study_without_fidelity_may_report_at_any_finite_number() -> None:
    taken: list[Report] = []
    talk = Talk(Trial(0, {"x": 0.5}), taken.append, told_to_stop)

    talk.report(100, {"gain": 0.1})

    assert [each.fidelity for each in taken] == [100.0]
