"""How much a study file spends: a small setting for a laptop, a large one for a GPU."""

import os
from typing import TypeVar

from moopt.errors import StudyError

VARIABLE = "MOOPT_SCALE"
"""Environment variable that says which; `moopt run --scale` sets it."""

Setting = TypeVar("Setting")


def scaled(*, small: Setting, large: Setting) -> Setting:
    """Return the setting that was asked for; small where nothing was.

    Raises:
        StudyError: The environment variable has another value.
    """
    asked = os.environ.get(VARIABLE, "small")
    settings = {"small": small, "large": large}
    if asked not in settings:
        raise StudyError(f"{VARIABLE} needs to be small or large, got {asked!r}")
    return settings[asked]
