"""Numbers as text: as many digits as a standard error, or the spread of a column, supports.

For reading only: JSON and CSV carry every digit that was measured.
"""

import math
from collections.abc import Iterable, Mapping
from statistics import median

from moopt.study.parameters import Value
from moopt.study.trials import Measurement

ABSENT = "—"
"""Stands where nothing was measured and where a parameter is not active."""

MOST_DECIMALS = 6


def decimals_for(measurements: Iterable[Measurement]) -> int:
    """Return the number of decimals that a column of measurements deserves.

    Two significant digits of the usual standard error where there is one, else four of the largest
    value.
    """
    kept = list(measurements)
    errors = [each.sem for each in kept if each.sem]
    if errors:
        return _decimals(median(errors), significant=2)
    return _decimals(max((abs(each.mean) for each in kept), default=0.0), significant=4)


def measurement_text(measurement: Measurement | None, decimals: int) -> str:
    """Return `mean ± standard error`, or the mean alone where the error is not known or zero."""
    if measurement is None:
        return ABSENT
    mean = number_text(measurement.mean, decimals)
    if not measurement.sem:
        return mean
    return f"{mean} ± {number_text(measurement.sem, decimals)}"


def number_text(value: float, decimals: int) -> str:
    """Return a number with fixed decimals, or in scientific notation where those would hide it."""
    if value and abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:.1e}"
    if abs(value) >= 1e7:
        return f"{value:.4g}"
    return f"{value:.{decimals}f}"


def value_text(value: Value | None) -> str:
    """Return the value of a parameter: four significant digits, names and counts in full."""
    match value:
        case None:
            return ABSENT
        case bool() | int() | str():
            return str(value)
        case float():
            return f"{value:.4g}"
        case Mapping():
            return ", ".join(f"{part} {weight:.3g}" for part, weight in value.items())


def quantity_text(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it needs to be."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shortened(text: str, length: int) -> str:
    """Return a text that is at most so long, with an ellipsis where it was cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def duration_text(seconds: float) -> str:
    """Return a duration as people say it, such as `3 min 20 s`."""
    whole = round(max(seconds, 0.0))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _decimals(scale: float, *, significant: int) -> int:
    if scale == 0 or not math.isfinite(scale):
        return 1
    digits_before_the_point = math.floor(math.log10(scale)) + 1
    return min(max(significant - digits_before_the_point, 0), MOST_DECIMALS)
