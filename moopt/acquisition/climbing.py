"""Uphill in the search box: by gradient in the smooth columns, by single steps in the others.

Where a space has both, the two take turns, since a step changes where the gradient leads.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from botorch.acquisition.acquisition import AcquisitionFunction
from botorch.generation.gen import gen_candidates_scipy
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.starting_rows import single_face_rows
from moopt.encoding.linear_rows import limits_smooth_columns, linear_rows
from moopt.encoding.search_box import SearchBox

Height = Callable[[Tensor], Tensor]
"""Values of `b x 1 x k` rows, `b`; differentiable."""

CLIMBS = 12
"""Most steps in one round."""

ITERATIONS = (8, 8, 8)
"""Of the gradient search, by round: gradient and steps take turns so often at most."""

CHUNK = 128
"""How many rows are evaluated at once."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which the columns of a row may move by gradient."""

    low: Float[Tensor, " k"]
    high: Float[Tensor, " k"]

    def around(self, rows: Float[Tensor, "n k"]) -> "Bounds":
        """Return bounds that hold these rows as well."""
        return Bounds(
            torch.minimum(self.low, rows.amin(dim=0)), torch.maximum(self.high, rows.amax(dim=0))
        )


@dataclass(frozen=True, slots=True)
class Climbed:
    """Rows that were passed on the way up, and how high they are."""

    rows: Float[Tensor, "n k"]
    heights: Float[Tensor, " n"]

    @classmethod
    def at(cls, height: Height, rows: Float[Tensor, "n k"]) -> "Climbed":
        """Look how high rows are."""
        return cls(rows, heights(height, rows))

    def best_first(self) -> "Climbed":
        """Return the same rows, the highest first."""
        order = self.heights.argsort(descending=True)
        return Climbed(self.rows[order], self.heights[order])

    def first(self, count: int) -> "Climbed":
        """Return the first rows."""
        return Climbed(self.rows[:count], self.heights[:count])

    def apart(self, count: int, distance: float) -> "Climbed":
        """Return the first rows that differ from each other in some column by a distance."""
        chosen = [0] if len(self.rows) else []
        for place, row in enumerate(self.rows):
            if len(chosen) == count:
                break
            if float((self.rows[chosen] - row).abs().amax(dim=1).min()) > distance:
                chosen.append(place)
        return Climbed(self.rows[chosen], self.heights[chosen])

    def and_then(self, other: "Climbed") -> "Climbed":
        """Return these rows and others after them."""
        return Climbed(torch.cat([self.rows, other.rows]), torch.cat([self.heights, other.heights]))


def heights(height: Height, rows: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """Return the value of each row, without a gradient."""
    with torch.no_grad():
        return torch.cat([height(chunk[:, None, :]) for chunk in rows.split(CHUNK)])


def climb(
    height: Height,
    box: SearchBox,
    starts: Climbed,
    examples: Float[Tensor, "e k"],
    bounds: Bounds | None = None,
) -> Climbed:
    """Return all rows that were passed on the way up from the starts, these included.

    Args:
        height: What is to be large.
        box: The space.
        starts: Where the gradient search begins.
        examples: Rows that tell parameters what to be when a condition begins to hold, best first.
        bounds: Of the gradient search. None: 0 and 1.
    """
    if bounds is None:
        bounds = Bounds(
            torch.zeros(box.width).to(starts.rows), torch.ones(box.width).to(starts.rows)
        )
    first = _by_steps(height, box, starts.first(1), examples)
    passed = first.and_then(starts)
    starts = first.first(1).and_then(Climbed(starts.rows[1:], starts.heights[1:]))
    for iterations in ITERATIONS:
        uphill = _by_gradient(height, box, starts, iterations, bounds).and_then(starts).best_first()
        stepped = _by_steps(height, box, uphill.first(1), examples)
        passed = stepped.and_then(uphill).and_then(passed)
        if len(stepped.rows) == 1:
            break
        starts = stepped.first(1)
    return passed


def _by_gradient(
    height: Height, box: SearchBox, starts: Climbed, iterations: int, bounds: Bounds
) -> Climbed:
    smooth = box.smooth()
    if not smooth.any():
        return starts
    options = {"maxiter": iterations}
    bounds = bounds.around(starts.rows)
    if limits_smooth_columns(box):
        climbed = [_within_limits(height, box, row, options, bounds) for row in starts.rows]
        return Climbed.at(height, box.within(torch.stack(climbed)))
    fixed = {column: starts.rows[:, column] for column in (~smooth).nonzero()[:, 0].tolist()}
    # A start that ends early is one among several; BoTorch's warning of it passes every filter.
    with warnings.catch_warnings(record=True):
        rows, found = gen_candidates_scipy(
            starts.rows[:, None, :],
            cast("AcquisitionFunction", height),
            lower_bounds=bounds.low,
            upper_bounds=bounds.high,
            fixed_features=fixed or None,
            options=options,
        )
    ends = rows[:, 0, :].detach()
    valid = box.within(ends)
    return Climbed(valid, found) if torch.equal(ends, valid) else Climbed.at(height, valid)


def _within_limits(
    height: Height,
    box: SearchBox,
    start: Float[Tensor, " k"],
    options: dict[str, int],
    bounds: Bounds,
) -> Float[Tensor, " k"]:
    """Climb in the smooth columns of one row, along its linear constraints."""
    limits = linear_rows(box, start)
    columns = box.smooth().nonzero()[:, 0]

    def smooth_height(parts: Tensor) -> Tensor:
        whole = start.expand(*parts.shape[:-1], -1)
        return height(whole.index_copy(-1, columns, parts))

    with warnings.catch_warnings(record=True):
        parts, _ = gen_candidates_scipy(
            start[columns][None, None, :],
            cast("AcquisitionFunction", smooth_height),
            lower_bounds=bounds.low[columns],
            upper_bounds=bounds.high[columns],
            inequality_constraints=limits.inequalities or None,
            equality_constraints=limits.equalities or None,
            options=options,
        )
    return start.index_copy(0, columns, parts[0, 0].detach())


def _by_steps(
    height: Height, box: SearchBox, start: Climbed, examples: Float[Tensor, "e k"]
) -> Climbed:
    """Climb to the best neighbour while there is a better one; return the way, highest first."""
    passed = start
    for _ in range(CLIMBS):
        row = passed.rows[0]
        moved = _with_children(box, row, box.neighbours(row), examples)
        near = torch.cat([moved, single_face_rows(box, row)])
        if len(near) == 0:
            break
        best = Climbed.at(height, near).best_first().first(1)
        if float(best.heights[0]) <= float(passed.heights[0]):
            break
        passed = best.and_then(passed)
    return passed


def _with_children(
    box: SearchBox,
    row: Float[Tensor, " k"],
    neighbours: Float[Tensor, "n k"],
    examples: Float[Tensor, "e k"],
) -> Float[Tensor, "m k"]:
    """Add to neighbours at which more parameters count those with values known to be good."""
    fresh = box.active(neighbours) & ~box.active(row[None])
    opened = fresh.any(dim=1)
    if not opened.any():
        return neighbours
    # [i, j]: example j has what neighbour i needs.
    fits = (box.active(examples) | ~fresh[opened][:, None]).all(dim=-1)
    example = examples[fits.int().argmax(dim=1)]
    columns = fresh[opened][:, box.parameter_of_columns()]
    completed = torch.where(columns, example, neighbours[opened])
    return torch.cat([neighbours, completed[fits.any(dim=1)]])
