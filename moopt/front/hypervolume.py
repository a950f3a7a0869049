"""How much a set of points dominates."""

import moocore
import numpy as np
from jaxtyping import Float


def hypervolume(
    values: Float[np.ndarray, "n m"], reference_point: Float[np.ndarray, " m"]
) -> float:
    """Return the volume that the points dominate above the reference point, exactly.

    Larger is better in every objective. Points that do not exceed the reference point in every
    objective add nothing; dominated points add nothing.

    Source: Guerreiro, Fonseca and Paquete, "The hypervolume indicator: computational problems and
    algorithms", ACM Computing Surveys 54 (2021), in the implementation of moocore.

    Raises:
        ValueError: A value is NaN.

    Example:
        >>> hypervolume(np.array([[2.0, 1.0], [1.0, 2.0]]), np.zeros(2))
        3.0
    """
    if np.isnan(values).any():
        raise ValueError("a hypervolume needs numbers, got NaN; leave out what was not measured")
    above = values[(values > reference_point).all(axis=1)]
    if len(above) == 0:
        return 0.0
    return float(moocore.hypervolume(above, ref=reference_point, maximise=True))
