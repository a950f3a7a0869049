"""Which points no other point beats."""

import moocore
import numpy as np
from jaxtyping import Bool, Float


def is_nondominated(values: Float[np.ndarray, "n m"]) -> Bool[np.ndarray, " n"]:
    """Say for each point whether no other is at least as good everywhere and better somewhere.

    Larger is better in every objective. Equal points do not dominate each other.
    """
    if len(values) == 0:
        return np.zeros(0, dtype=bool)
    kept = moocore.is_nondominated(values, maximise=True, keep_weakly=True)
    return np.asarray(kept, dtype=bool)
