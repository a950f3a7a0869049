import pytest

from moopt.errors import StudyError
from moopt.study.scale import VARIABLE, scaled


def test_small_is_what_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    assert scaled(small=1, large=2) == 1


def test_a_setting_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "large")

    assert scaled(small=1, large=2) == 2


def test_another_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "huge")

    with pytest.raises(StudyError, match="MOOPT_SCALE needs to be small or large, got 'huge'"):
        scaled(small=1, large=2)
