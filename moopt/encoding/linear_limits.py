"""Linear constraints as rows over columns of the unit cube: what lies within, near it or evenly.

A point outside moves to the nearest within. Whole numbers are rounded from there, then stepped to
where the continuous columns can make up for the rest; these meet an equality to the last digit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from moopt.encoding.columns import bin_count, linear_scale
from moopt.encoding.hit_and_run import hit_and_run
from moopt.encoding.polytope import Polytope
from moopt.encoding.whole_numbers import WholeNumbers
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Continuous, Integer
from moopt.study.simplex import TOLERANCE

THIN = 1e-3
"""What is thinner than this share of its range is drawn as if it had no thickness."""

CORRECTIONS = 4
"""How often rounding errors are corrected."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearLimits:
    """The rows `lower <= coefficients @ values <= upper`, and what the values may be."""

    coefficients: Float[np.ndarray, "r c"]
    lower: Float[np.ndarray, " r"]
    upper: Float[np.ndarray, " r"]
    offsets: Float[np.ndarray, " c"]
    """Values at column 0."""

    slopes: Float[np.ndarray, " c"]
    """How far the values go from column 0 to column 1."""

    bins: Float[np.ndarray, " c"]
    """How many values a whole number has; 0: continuous."""

    polytope: Polytope
    """Of the columns, whole numbers relaxed."""

    @classmethod
    def of(
        cls, parameters: tuple[Continuous | Integer, ...], constraints: tuple[LinearConstraint, ...]
    ) -> "LinearLimits":
        """Write constraints as rows over the parameters."""
        names = [parameter.name for parameter in parameters]
        rows = np.array(
            [[each.coefficients.get(name, 0.0) for name in names] for each in constraints]
        )
        lower = np.array([-np.inf if e.at_least is None else e.at_least for e in constraints])
        upper = np.array([np.inf if e.at_most is None else e.at_most for e in constraints])
        offsets, slopes = np.array([linear_scale(parameter) for parameter in parameters]).T
        bins = np.array(
            [float(bin_count(each)) if isinstance(each, Integer) else 0.0 for each in parameters]
        )
        half = np.divide(0.5, bins, out=np.zeros(len(bins)), where=bins > 0)
        lengths = np.linalg.norm(rows * slopes, axis=1)
        polytope = Polytope(
            rows * slopes / lengths[:, None],
            (lower - rows @ offsets) / lengths,
            (upper - rows @ offsets) / lengths,
            half,
            1.0 - half,
        )
        return cls(rows, lower, upper, offsets, slopes, bins, polytope)

    @property
    def whole(self) -> Bool[np.ndarray, " c"]:
        """Which columns are whole numbers."""
        return self.bins > 0

    def hold(self, columns: Float[np.ndarray, "n c"]) -> Bool[np.ndarray, " n"]:
        """Say which rows of columns are within, whole numbers rounded."""
        counts = np.maximum(self.bins, 1.0)
        rounded = (np.floor(columns * counts).clip(0, counts - 1) + 0.5) / counts
        values = self.offsets + self.slopes * np.where(self.whole, rounded, columns)
        return self._within(values)

    def draw(self, uniform: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"] | None:
        """Return columns that lie within, whole numbers relaxed; None where that was too hard."""
        wide = Polytope(
            self.polytope.rows,
            self.polytope.lower,
            self.polytope.upper,
            np.zeros(len(self.bins)),
            np.ones(len(self.bins)),
        )
        drawn = hit_and_run(wide.flattened(THIN), uniform)
        drawn = hit_and_run(wide, uniform) if drawn is None else drawn
        return None if drawn is None else drawn.clip(0.0, 1.0)

    def nearest(
        self, values: Float[np.ndarray, " c"], held: Bool[np.ndarray, " c"]
    ) -> Float[np.ndarray, " c"] | None:
        """Return values near by that are within, or None where none was found."""
        columns = (values - self.offsets) / self.slopes
        for known in (held, np.zeros_like(held)) if held.any() else (held,):
            for whole in self._whole_numbers(columns, known):
                left = self.polytope.given(self.whole, whole)
                found = None if left is None else left.nearest(columns[~self.whole])
                if found is not None:
                    whole[~self.whole] = found
                    exact = self._exact(whole)
                    if self._within(exact[None])[0]:
                        return exact
        return None

    def _whole_numbers(
        self, columns: Float[np.ndarray, " c"], held: Bool[np.ndarray, " c"]
    ) -> Iterator[Float[np.ndarray, " c"]]:
        """Yield columns with whole numbers that may do, the nearest and cheapest first."""
        left = self.polytope.given(held, columns)
        relaxed = None if left is None else left.nearest(columns[~held])
        if relaxed is None:
            return
        target = columns.copy()
        target[~held] = relaxed
        if not self.whole.any():
            yield target
            return
        numbers = WholeNumbers(self.polytope, self.bins, held)
        rounded = numbers.rounded(target)
        yield rounded
        yield numbers.stepped(rounded, target)
        searched = numbers.nearest(target)
        if searched is not None:
            yield searched

    def _exact(self, columns: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
        """Return values, with what rounding leaves of an equality given to continuous ones."""
        low = self.offsets + self.slopes * self.polytope.low
        high = self.offsets + self.slopes * self.polytope.high
        values = np.clip(self.offsets + self.slopes * columns, low, high)
        for _ in range(CORRECTIONS):
            sums = self.coefficients @ values
            missing = np.clip(sums, self.lower, self.upper) - sums
            wrong = missing != 0
            free = ~self.whole & (values > low) & (values < high)
            if not wrong.any() or not free.any():
                break
            slopes = self.coefficients[wrong][:, free] * self.slopes[free]
            values[free] += self.slopes[free] * (np.linalg.pinv(slopes) @ missing[wrong])
            values = np.clip(values, low, high)
        return np.asarray(values)

    def _within(self, values: Float[np.ndarray, "n c"]) -> Bool[np.ndarray, " n"]:
        sums = values @ self.coefficients.T
        slack = TOLERANCE / 2 * np.abs(self.coefficients).sum(axis=1)
        return np.asarray(((sums >= self.lower - slack) & (sums <= self.upper + slack)).all(axis=1))
