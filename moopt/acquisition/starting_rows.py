"""Where the search for candidates begins, besides an even cover: near the front and on faces."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.encoding.faces import corners, single_faces, smaller_faces
from moopt.encoding.search_box import SearchBox
from moopt.study.simplex import Simplex

Others = Callable[[Simplex, Sequence[float]], Iterable[list[float]]]
"""Other weights of a simplex, from those of a point."""


def rows_around(
    box: SearchBox, front: Float[Tensor, "f d"], count: int, *, seed: int
) -> Float[Tensor, "n k"]:
    """Perturb a few columns of front points, a little or a lot; return no row without a front.

    Source: Regis and Shoemaker, "Combining radial basis function surrogates and dynamic coordinate
    search in high-dimensional expensive black-box optimization", Engineering Optimization (2013).
    """
    if len(front) == 0:
        return torch.empty(0, box.width, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    centres = box.from_points(front)
    rows = centres[(uniform(count) * len(front)).long()]
    scale = 10 ** (-2.0 + 1.5 * uniform(count, 1))
    noise = torch.randn(count, box.width, generator=generator, dtype=torch.float64)
    moved = rows + scale * noise
    share = min(1.0, 3.0 / box.width)
    changed = uniform(count, box.width) < torch.maximum(torch.tensor(share), uniform(count, 1))
    smooth = box.smooth()
    rows = torch.where(smooth & changed, moved, rows)
    if not smooth.all():
        # A discrete column is drawn afresh now and then; snapping keeps one-hot groups whole.
        redrawn = uniform(count, box.width) < 0.2
        rows = torch.where(~smooth & redrawn, box.sobol(count, seed=seed + 1), rows)
    return box.snap(rows)


def face_rows(box: SearchBox, rows: Float[Tensor, "n k"], most: int) -> Float[Tensor, "m k"]:
    """Return rows on the faces of each simplex below good rows, and on its corners.

    Args:
        box: The space.
        rows: The best first: its faces and the corners come before the faces of the others.
        most: How many rows are returned at most.
    """
    found: list[Tensor] = []
    for index, row in enumerate(rows):
        found += _varied(box, row, smaller_faces)
        found += _varied(box, row, corners) if index == 0 else []
        if len(found) >= most:
            break
    return _as_rows(box, found[:most])


def single_face_rows(box: SearchBox, row: Float[Tensor, " k"]) -> Float[Tensor, "m k"]:
    """Return rows that leave out one part of a simplex."""
    return _as_rows(box, list(_varied(box, row, single_faces)))


def _varied(box: SearchBox, row: Float[Tensor, " k"], others: Others) -> Iterator[Tensor]:
    """Yield the point of a row with other weights in one active simplex."""
    simplexes = [
        (place, block, block.parameter)
        for place, block in enumerate(box.encoding.blocks)
        if isinstance(block.parameter, Simplex)
    ]
    if not simplexes:
        return
    point, active = box.to_points(row), box.active(row[None])[0]
    for place, block, simplex in simplexes:
        if active[place]:
            for weights in others(simplex, point[block.columns].tolist()):
                varied = point.clone()
                varied[block.columns] = point.new_tensor(weights)
                yield varied


def _as_rows(box: SearchBox, points: Sequence[Float[Tensor, " d"]]) -> Float[Tensor, "n k"]:
    if not points:
        return torch.empty(0, box.width, dtype=torch.float64)
    return box.from_points(torch.stack(list(points)))
