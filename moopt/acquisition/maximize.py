"""Where is an acquisition function largest? In continuous, discrete, mixed and bounded spaces.

Raw points come from a Sobol sequence, from around the front and from the faces of simplexes; the
best go uphill; what is compared in the end is valid.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.acquisition.climbing import Bounds, Climbed, climb, heights
from moopt.acquisition.starting_rows import face_rows, rows_around
from moopt.encoding.search_box import SearchBox

Acquisition = Callable[[Tensor], Tensor]
"""Values of `b x 1 x d` points, `b`; differentiable. BoTorch's acquisition functions are such."""

RAW_POINTS = 128
AROUND_FRONT = 128
FACES = 64
"""Most raw points on faces and corners of simplexes."""

STARTS = 8
APART = 0.1
"""Starts differ in some column by more than this: neighbours would climb the same hill."""

FINALISTS = 16
"""Points that are compared in the end, as they would be proposed."""

SAME = 1e-6
"""Points closer than this in every column are one point."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the search box."""

    rows: Float[Tensor, "r k"]
    """Valid ones in it, to begin at."""

    bounds: Bounds | None = None
    """Of the gradient search. None: 0 and 1."""


def maximize(
    acquisition: Acquisition,
    box: SearchBox,
    *,
    front: Float[Tensor, "f d"],
    tried: Float[Tensor, "t d"],
    seed: int,
    part: Part | None = None,
) -> Float[Tensor, " d"] | None:
    """Return the best valid point that was not tried, or None where none was found.

    Args:
        acquisition: Takes points as `batch x 1 x d`.
        box: The space.
        front: Good points, around which to look as well.
        tried: Points that are not to be proposed again.
        seed: Of the raw points.
        part: Where to look. None: everywhere.
    """

    def height(rows: Tensor) -> Tensor:
        return acquisition(box.to_points(rows))

    if part is None:
        drawn = [
            box.sobol(RAW_POINTS, seed=seed),
            rows_around(box, front, AROUND_FRONT, seed=seed),
        ]
        part = Part(box.within(torch.cat(drawn)))
    raw = Climbed.at(height, part.rows).best_first()
    starts = raw.apart(STARTS, APART)
    faces = face_rows(box, starts.rows, FACES)
    if len(faces):
        # One face only becomes a start: many of them lie below the same point.
        face = Climbed.at(height, faces).best_first().first(1)
        starts = starts.first(STARTS - 1).and_then(face)
    climbed = climb(height, box, starts, raw.rows, part.bounds).and_then(raw.first(FINALISTS))
    finalists = climbed.best_first().first(FINALISTS)
    best = best_untried(acquisition, _valid(box, finalists.rows), tried)
    if best is None:
        # All roads lead to what was tried.
        best = best_untried(acquisition, _valid(box, raw.rows), tried)
    return best


def _valid(box: SearchBox, rows: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
    decode = box.encoding.decode
    return box.encoding.encode_all([decode(point) for point in box.to_points(rows)])


def best_untried(
    acquisition: Acquisition, points: Float[Tensor, "n d"], tried: Float[Tensor, "t d"]
) -> Float[Tensor, " d"] | None:
    """Return the best of the points that was not tried, or None."""
    fresh = points[_distance(points, tried) > SAME]
    if len(fresh) == 0:
        return None
    return fresh[heights(acquisition, fresh).argmax()]


def _distance(points: Float[Tensor, "n d"], tried: Float[Tensor, "t d"]) -> Float[Tensor, " n"]:
    if len(tried) == 0:
        return torch.full((len(points),), torch.inf)
    return torch.cdist(points, tried, p=torch.inf).min(dim=1).values
