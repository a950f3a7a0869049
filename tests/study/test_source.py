from collections.abc import Callable

import pytest

from moopt.errors import StudyError
from moopt.study.objectives import Maximize, Objective
from moopt.study.parameters import Continuous
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Trial

STUDY = Study(
    "earlier", parameters=[Continuous("x", 0, 1)], objectives=[Objective("gain", Maximize)]
)


def test_a_source_has_the_name_of_its_study_and_keeps_its_trials() -> None:
    trials = [Trial(0, {"x": 0.5})]
    source = Source(STUDY, trials)
    trials.clear()

    assert source.name == "earlier"
    assert len(source.trials) == 1


def test_a_name_is_no_source() -> None:
    made: Callable[..., Source] = Source

    with pytest.raises(StudyError, match="needs a Study and its trials, got 'earlier'"):
        made("earlier", [])


def test_parameters_are_no_trials() -> None:
    made: Callable[..., Source] = Source

    with pytest.raises(StudyError, match=r"'earlier' needs the trials of its study, got \{'x'"):
        made(STUDY, [{"x": 0.5}])
