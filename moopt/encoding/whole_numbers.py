"""Whole numbers at which linear constraints can hold, near a relaxed point.

Rounding comes first, then single steps, which are cheap; the exact search comes last.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import Bounds, LinearConstraint, milp

from moopt.encoding.polytope import EXACT, Polytope

STEPS = 64
"""Most steps before the exact search."""


@dataclass(frozen=True, slots=True, eq=False)
class WholeNumbers:
    """The columns of a polytope that lie in the middle of bins of equal width."""

    polytope: Polytope
    bins: Float[np.ndarray, " c"]
    """How many values a whole number has; 0: continuous."""

    held: Bool[np.ndarray, " c"]
    """Those that stay."""

    def rounded(self, columns: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
        """Return columns with every whole number in the middle of its bin."""
        counts = np.maximum(self.bins, 1.0)
        centres = (np.floor(columns * counts).clip(0, counts - 1) + 0.5) / counts
        return np.where(self.bins > 0, centres, columns)

    def stepped(
        self, rounded: Float[np.ndarray, " c"], target: Float[np.ndarray, " c"]
    ) -> Float[np.ndarray, " c"]:
        """Step one whole number after the other while the constraints come nearer."""
        moved = ((self.bins > 0) & ~self.held).nonzero()[0]
        steps = np.zeros((2 * len(moved), len(rounded)))
        steps[np.arange(len(moved)), moved] = 1.0 / self.bins[moved]
        steps[len(moved) :] = -steps[: len(moved)]
        here = rounded
        lack = float(self._lack(here[None])[0])
        for _ in range(STEPS):
            near = here + steps
            near = near[
                ((near > self.polytope.low - EXACT) & (near < self.polytope.high + EXACT)).all(1)
            ]
            if lack <= EXACT or len(near) == 0:
                break
            lacks = self._lack(near)
            best = np.lexsort((np.square(near - target).sum(axis=1), lacks.round(9)))[0]
            if lacks[best] >= lack - EXACT:
                break
            here, lack = near[best], float(lacks[best])
        return here.copy()

    def nearest(self, target: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"] | None:
        """Return the columns whose whole numbers move least in sum, or None where there are none.

        The unknowns are the index of each bin, or the column itself, and how far each index moves.
        """
        whole = self.bins > 0
        width = np.where(whole, 1.0 / np.maximum(self.bins, 1.0), 1.0)
        start = np.where(whole, width / 2, 0.0)
        wanted = (target - start) / width
        highest = np.where(whole, self.bins - 1.0, 1.0)
        low = np.where(self.held, wanted.round(), 0.0)
        high = np.where(self.held, wanted.round(), highest)
        low[~whole], high[~whole] = self.polytope.low[~whole], self.polytope.high[~whole]
        count = len(target)
        eye, nothing = np.eye(count), np.zeros((len(self.polytope.rows), count))
        rows, shift = self.polytope.rows * width, self.polytope.rows @ start
        found = milp(
            c=np.concatenate([np.zeros(count), np.where(whole, width, 0.0)]),
            integrality=np.concatenate([whole, np.zeros(count)]),
            bounds=Bounds(
                np.concatenate([low, np.zeros(count)]),
                np.concatenate([high, highest + 1.0]),
            ),
            constraints=[
                LinearConstraint(
                    np.hstack([rows, nothing]),
                    self.polytope.lower - shift,
                    self.polytope.upper - shift,
                ),
                LinearConstraint(np.hstack([eye, eye]), wanted, np.inf),
                LinearConstraint(np.hstack([eye, -eye]), -np.inf, wanted),
            ],
        )
        if found.x is None:
            return None
        return self.rounded(start + width * np.where(whole, found.x[:count].round(), wanted))

    def _lack(self, columns: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
        """Return by how much continuous columns cannot make up for what each row misses."""
        whole = self.bins > 0
        rows, polytope = self.polytope.rows, self.polytope
        slopes = rows[:, ~whole]
        ends = np.stack([slopes * polytope.low[~whole], slopes * polytope.high[~whole]])
        least, most = ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)
        sums = columns[:, whole] @ rows[:, whole].T
        below = np.maximum(polytope.lower - sums - most, 0.0)
        above = np.maximum(sums + least - polytope.upper, 0.0)
        return np.asarray((below + above).sum(axis=1))
