"""What may be a name, and what is a number: the checks that every definition shares."""

import math
import re

from moopt.errors import StudyError

NAME = re.compile(r"[A-Za-z_][\w.\-]*")


def check_name(kind: str, name: object) -> None:
    """Refuse a name that a command line or a table could not carry.

    Raises:
        StudyError: The name is not a string of letters, digits, `_`, `.` and `-`.
    """
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise StudyError(
            f"{kind} {name!r} needs a name that starts with a letter or _ and goes on with "
            "letters, digits, _, . or -"
        )


def check_number(owner: str, field: str, value: object) -> float:
    """Return the value as a float.

    Raises:
        StudyError: The value is not a finite real number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise StudyError(f"{owner} needs a finite number as {field}, got {field}={value!r}")
    return float(value)


def check_whole(owner: str, field: str, value: object) -> int:
    """Return the value as an int.

    Raises:
        StudyError: The value is not a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise StudyError(f"{owner} needs a whole number as {field}, got {field}={value!r}")
    return value
