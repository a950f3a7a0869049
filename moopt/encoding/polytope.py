"""Points of the unit cube between parallel planes: the nearest to any point, and one well inside.

Planes that leave no room between them are an equality: they are met by moving along the directions
that they leave free, the others by a least-distance problem in those directions.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import linprog, nnls

FLAT = 1e-12
"""Limits closer than this to each other are one."""

EXACT = 1e-9
"""How far a point may lie outside and still count as inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Polytope:
    """All points with `lower <= rows @ point <= upper` and `low <= point <= high`."""

    rows: Float[np.ndarray, "r n"]
    """Of length one each."""

    lower: Float[np.ndarray, " r"]
    upper: Float[np.ndarray, " r"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]

    @property
    def flat(self) -> Bool[np.ndarray, " r"]:
        """Which rows are equalities."""
        return np.asarray(self.upper - self.lower <= FLAT)

    def flattened(self, share: float) -> "Polytope":
        """Return the polytope in which what is thin, as a share of the cube, has no thickness."""
        widths = np.abs(self.rows) @ (self.high - self.low)
        thin = self.upper - self.lower < share * widths
        middle = (self.lower + self.upper) / 2
        lower, upper = np.where(thin, middle, self.lower), np.where(thin, middle, self.upper)
        return Polytope(self.rows, lower, upper, self.low, self.high)

    def given(
        self, known: Bool[np.ndarray, " n"], point: Float[np.ndarray, " n"]
    ) -> "Polytope | None":
        """Return what is left for the other coordinates, or None where nothing can be left."""
        shift = self.rows[:, known] @ point[known]
        rows = self.rows[:, ~known]
        length = np.linalg.norm(rows, axis=1)
        lower, upper = self.lower - shift, self.upper - shift
        met = length <= FLAT
        if (lower[met] > EXACT).any() or (upper[met] < -EXACT).any():
            return None
        scale = length[~met]
        return Polytope(
            rows[~met] / scale[:, None],
            lower[~met] / scale,
            upper[~met] / scale,
            self.low[~known],
            self.high[~known],
        )

    def nearest(self, point: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"] | None:
        """Return the nearest point of the polytope, or None where it is empty."""
        flat = self.flat
        foot, basis = point, None
        if flat.any():
            level = (self.lower + self.upper)[flat] / 2
            foot = point + np.linalg.pinv(self.rows[flat]) @ (level - self.rows[flat] @ point)
            if np.abs(self.rows[flat] @ foot - level).max() > EXACT:
                return None
            basis = null_space(self.rows[flat])
        sides, bounds = self.sides()
        missing = bounds - sides @ foot
        if (missing > FLAT).any():
            step = _shortest(sides if basis is None else sides @ basis, missing)
            if step is not None:
                foot = foot + (step if basis is None else basis @ step)
            elif missing.max() > EXACT:
                return None
        return np.asarray(np.clip(foot, self.low, self.high))

    def inside(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n k"]] | None:
        """Return a point away from every side, and the directions in which it can move.

        Sides that always hold with equality are found on the way. None: the polytope is empty.

        Source: Freund, Roundy and Todd, "Identifying the set of always-active constraints in a
        system of linear inequalities by a single linear program", Sloan working paper 1674 (1985).
        """
        sides, bounds = self.sides()
        flat, level = self.rows[self.flat], (self.lower + self.upper)[self.flat] / 2
        count, width = sides.shape
        above = np.hstack([-sides, bounds[:, None], np.eye(count)])
        on = np.hstack([flat, -level[:, None], np.zeros((len(flat), count))])
        found = linprog(
            np.concatenate([np.zeros(width + 1), -np.ones(count)]),
            A_ub=above,
            b_ub=np.zeros(count),
            A_eq=on,
            b_eq=np.zeros(len(flat)),
            bounds=[*[(None, None)] * width, (1.0, None), *[(0.0, 1.0)] * count],
        )
        if found.x is None:
            return None
        always = found.x[width + 1 :] < 0.5
        return found.x[:width] / found.x[width], null_space(np.vstack([flat, sides[always]]))

    def sides(self) -> tuple[Float[np.ndarray, "q n"], Float[np.ndarray, " q"]]:
        """Return all that is not an equality as `normals @ point >= bounds`."""
        loose = ~self.flat
        below, above = loose & np.isfinite(self.lower), loose & np.isfinite(self.upper)
        eye = np.eye(len(self.low))
        normals = np.vstack([self.rows[below], -self.rows[above], eye, -eye])
        bounds = np.concatenate([self.lower[below], -self.upper[above], self.low, -self.high])
        return normals, bounds


def null_space(rows: Float[np.ndarray, "r n"]) -> Float[np.ndarray, "n k"]:
    """Return orthonormal directions, one a column, along which no row changes."""
    if len(rows) == 0:
        return np.eye(rows.shape[1])
    _, sizes, directions = np.linalg.svd(rows)
    return np.asarray(directions[int((sizes > EXACT).sum()) :].T)


def _shortest(
    slopes: Float[np.ndarray, "q k"], missing: Float[np.ndarray, " q"]
) -> Float[np.ndarray, " k"] | None:
    """Return the shortest step with `slopes @ step >= missing`, or None where there is none.

    Source: Lawson and Hanson, "Solving least squares problems", Prentice-Hall (1974), chapter 23.
    """
    width = slopes.shape[1]
    goal = np.zeros(width + 1)
    goal[-1] = 1.0
    equations = np.vstack([slopes.T, missing])
    try:
        shares, _ = nnls(equations, goal)
    except RuntimeError:  # its iterations ran out
        return None
    left = equations @ shares - goal
    # Within the unit cube a step is shorter than sqrt(k), and what is left is never this small.
    if abs(left[-1]) < 1e-6:
        return None
    return np.asarray(-left[:width] / left[-1])
