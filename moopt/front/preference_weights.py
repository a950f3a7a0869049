"""Preferences spread evenly over the simplex: what indicators average over."""

import itertools

import numpy as np
from jaxtyping import Float

DIVISIONS = {2: 100, 3: 10}
"""Steps from weight 0 to weight 1, by the number of objectives."""

DIVISIONS_BEYOND = 2
"""With more objectives: the lattice grows as divisions^(m-1)."""


def simplex_lattice(objectives: int, divisions: int) -> Float[np.ndarray, "w m"]:
    """Return every weight vector of sum 1 whose parts are multiples of `1 / divisions`.

    Source: Das and Dennis, "Normal-boundary intersection: a new method for generating the Pareto
    surface in nonlinear multicriteria optimization problems", SIAM Journal on Optimization 8
    (1998).

    Raises:
        ValueError: There is no objective or no division.

    Example:
        >>> simplex_lattice(2, 2)
        array([[0. , 1. ],
               [0.5, 0.5],
               [1. , 0. ]])
    """
    if objectives < 1 or divisions < 1:
        raise ValueError(
            f"a lattice needs objectives >= 1 and divisions >= 1, got {objectives} and {divisions}"
        )
    # A row of `divisions` stones with `objectives - 1` bars between them: the bars part the stones.
    places = divisions + objectives - 1
    bars = np.array(list(itertools.combinations(range(places), objectives - 1)), dtype=int)
    stones = np.diff(bars, axis=1, prepend=-1, append=places) - 1
    return np.asarray(stones / divisions)


def preference_weights(objectives: int) -> Float[np.ndarray, "w m"]:
    """Return the lattice on which C-MORL measures: step 0.01 for two objectives, 0.1 for three.

    With more objectives the step is 0.5: single objectives and equal pairs.

    Source: the published code of Liu et al., "C-MORL: Multi-Objective Reinforcement Learning
    through Efficient Discovery of Pareto Front", ICLR (2025).
    """
    return simplex_lattice(objectives, DIVISIONS.get(objectives, DIVISIONS_BEYOND))
