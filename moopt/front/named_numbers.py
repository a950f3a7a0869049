"""What a person says of objectives by name, as columns of the objective space."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from moopt.errors import SelectionError
from moopt.study.study import Study


def objective_names(study: Study) -> list[str]:
    """Return the names of the objectives, in the order of the columns."""
    return [objective.name for objective in study.objectives]


def objective_column(study: Study, name: str) -> int:
    """Return the column of an objective.

    Raises:
        SelectionError: The study has no such objective.
    """
    names = objective_names(study)
    if name not in names:
        raise SelectionError(
            f"{name!r} is no objective of study {study.name!r}; choose from {names}"
        )
    return names.index(name)


def numbers_by_column(
    study: Study,
    what: str,
    named: Mapping[str, float],
    *,
    default: Float[np.ndarray, " m"] | float = 0.0,
    at_least: float = 0.0,
) -> Float[np.ndarray, " m"]:
    """Return the default, with the numbers in it that were given by name.

    Args:
        study: Whose objectives they are.
        what: What the numbers are, for the message.
        named: Finite numbers by objective.
        default: For the objectives that are not named.
        at_least: The smallest number that makes sense. -∞: any does.

    Raises:
        SelectionError: A name is no objective, or a number is not finite or too small.
    """
    numbers = np.full(len(study.objectives), default, dtype=float)
    for name, number in named.items():
        column = objective_column(study, name)
        if not (math.isfinite(number) and number >= at_least):
            limit = f" >= {at_least:g}" if math.isfinite(at_least) else ""
            raise SelectionError(
                f"the {what} of {name!r} needs to be a number{limit}, got {number}"
            )
        numbers[column] = number
    return numbers
