import pytest

from moopt.reports.formatting import (
    decimals_for,
    duration_text,
    measurement_text,
    number_text,
    value_text,
)
from moopt.study.trials import Measurement


@pytest.mark.parametrize(
    ("mean", "sem", "text"),
    [
        (0.91234, 0.0081, "0.9123 ± 0.0081"),
        (1234.5, 12.0, "1234 ± 12"),
        (0.5, None, "0.5000"),
        (12.0, 0.0, "12.00"),
    ],
)
def test_a_measurement_has_the_digits_that_its_error_supports(
    mean: float, sem: float | None, text: str
) -> None:
    measurement = Measurement(mean, sem)

    assert measurement_text(measurement, decimals_for([measurement])) == text


def test_what_fixed_decimals_would_hide_is_scientific() -> None:
    assert number_text(0.00001234, 2) == "1.2e-05"
    assert number_text(0.0, 2) == "0.00"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (75, "1 min 15 s"), (3725, "1 h 2 min"), (-3, "0 s")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_weights_are_listed_with_their_parts() -> None:
    assert value_text({"news": 0.25, "mail": 0.75}) == "news 0.25, mail 0.75"
