"""Studies in several sizes, of which the environment names one."""

import os
from typing import TypeVar

from moopt.errors import StudyError

SCALE_VARIABLE = "MOOPT_SCALE"
"""Environment variable with the name of the scale; worker processes inherit it."""

T = TypeVar("T")


def scaled(**settings: T) -> T:
    """Return the settings of the scale that is asked for, the first ones where none is.

    A study that is not at its first scale should say so in its name: trials of different scales are
    not comparable. Example: `SIZE = scaled(small=Size(steps=100), large=Size(steps=10_000))`.

    Args:
        settings: By the name of the scale.

    Raises:
        StudyError: There are no settings, or none of that name.
    """
    if not settings:
        raise StudyError("scaled() needs the settings of at least one scale, such as small=...")
    asked = os.environ.get(SCALE_VARIABLE) or next(iter(settings))
    if asked not in settings:
        raise StudyError(
            f"there is no scale {asked!r} in this study; choose from {list(settings)} for --scale "
            f"or {SCALE_VARIABLE}"
        )
    return settings[asked]
