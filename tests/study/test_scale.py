import pytest

from moopt import scaled
from moopt.errors import StudyError


def test_the_first_scale_is_the_one_that_counts_where_none_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MOOPT_SCALE", raising=False)

    assert scaled(small=1, large=9) == 1


def test_the_environment_names_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOOPT_SCALE", "large")

    assert scaled(small=1, large=9) == 9


def test_an_unknown_scale_is_refused_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOOPT_SCALE", "huge")

    with pytest.raises(StudyError, match=r"no scale 'huge' .* \['small', 'large'\]"):
        scaled(small=1, large=9)


def test_a_study_without_scales_is_refused() -> None:
    with pytest.raises(StudyError, match="at least one scale"):
        scaled()
