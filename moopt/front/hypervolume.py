"""How much a set of points dominates."""

import moocore
import numpy as np
from jaxtyping import Float


def hypervolume(
    values: Float[np.ndarray, "n m"], reference_point: Float[np.ndarray, " m"]
) -> float:
    """Return the volume that the points dominate above the reference point, exactly.

    Larger is better in every objective. Points that do not exceed the reference point in every
    objective add nothing; dominated points add nothing. Of one objective it is the distance of the
    best value beyond the reference.

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


def hypervolume_contributions(
    values: Float[np.ndarray, "n m"], reference_point: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """Return for each point the hypervolume that would be lost without it.

    Larger is better in every objective. Dominated points contribute nothing, and neither does a
    point of which there is a second one.

    Source: as for `hypervolume`.

    Raises:
        ValueError: A value is NaN.

    Example:
        >>> hypervolume_contributions(np.array([[2.0, 1.0], [1.0, 3.0]]), np.zeros(2))
        array([1., 2.])
    """
    if np.isnan(values).any():
        raise ValueError("a hypervolume needs numbers, got NaN; leave out what was not measured")
    if len(reference_point) == 1:
        # moocore takes no single column: next to a second one of length one volumes are the same.
        values = np.pad(values, ((0, 0), (0, 1)), constant_values=1.0)
        reference_point = np.append(reference_point, 0.0)
    contributions = np.zeros(len(values))
    above = (values > reference_point).all(axis=1)
    if above.any():
        # By default moocore credits a point with what only dominated ones cover besides.
        contributions[above] = moocore.hv_contributions(
            values[above], ref=reference_point, maximise=True, ignore_dominated=False
        )
    return contributions


def normalized_hypervolume(
    values: Float[np.ndarray, "n m"],
    reference_point: Float[np.ndarray, " m"],
    utopia: Float[np.ndarray, " m"],
) -> float:
    """Return the hypervolume as a share of the box between the reference point and the utopia.

    It is above 1 only where points are better than the utopia.

    Raises:
        ValueError: The utopia is not better than the reference point in every objective, or a value
            is NaN.
    """
    if not (utopia > reference_point).all():
        raise ValueError(
            "a normalized hypervolume needs a utopia that is better than the reference point in "
            f"every objective, got {utopia.tolist()} and {reference_point.tolist()}"
        )
    return hypervolume(values, reference_point) / float(np.prod(utopia - reference_point))
