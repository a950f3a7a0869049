"""What a set of points needs to be before anything is computed from it."""

import numpy as np
from jaxtyping import Float


def require_points(points: Float[np.ndarray, "n m"], called: str) -> None:
    """Check that there is at least one point and that every value is finite.

    Args:
        points: One a row.
        called: What the points are, for the message.

    Raises:
        ValueError: There is no point, or a value is NaN or infinite.
    """
    if len(points) == 0:
        raise ValueError(f"{called} needs at least one point, got none")
    if not np.isfinite(points).all():
        raise ValueError(
            f"{called} needs finite numbers, got NaN or infinity; leave out what was not measured"
        )
